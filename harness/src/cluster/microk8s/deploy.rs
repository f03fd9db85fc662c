//! The scenario on the cluster, the agents that look at it, and where everything is.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};
use tokio::time::sleep;

use super::{
    added::Added,
    additions::{Additions as _, Noted},
    addon_pods::wait_for_pods,
    boot_time::booted,
    cluster::MicroK8s,
    error::MicroK8sError,
    kubeconfig::API_PORT,
    limits::Limits,
    start::AGENT,
};
use crate::{
    catalog::scenario::Manifest,
    cluster::{
        kube::{
            Applied, KubeApi, KubeError, Sought, agent_in_container, object_names,
            own::{self, Prober},
        },
        workload::{AgentSocket, PodAddress},
    },
    model::Vantage,
    provider::Command,
};

/// How containerd is asked.
const CTR: [&str; 2] = ["microk8s", "ctr"];

/// Namespace of the ingress addon.
const INGRESS: &str = "ingress";

/// Whether there are ingress controllers, whoever enabled them.
#[derive(Clone, Copy)]
enum Ingress {
    Runs,
    None,
}

impl Ingress {
    /// Lets the ingress controllers notice which pods there are: nothing tells when they have.
    async fn follows(self, limits: &Limits) {
        if let Self::Runs = self {
            sleep(limits.ingress_lag).await;
        }
    }
}

impl MicroK8s {
    pub(super) async fn deploy_all(&mut self) -> Result<(), MicroK8sError> {
        let manifests = self.scenario.manifests.clone();
        self.apply(&manifests).await?;
        self.read_back().await?;
        let probers = self.probers();
        self.apply(&[own::probers(&probers)]).await?;
        let ingress = self.ingress_up().await?;
        self.read_back().await?;
        for index in 0..self.members.len() {
            self.node_agent(index).await?;
        }
        ingress.follows(&self.options.limits).await;
        self.aim(&probers).await
    }

    /// After what a condition or remedy has done: waits for rollouts, and reads back what they changed.
    pub(super) async fn look_again(&mut self) -> Result<(), MicroK8sError> {
        // What was restarted may be the API server: systemd says that it is started long before it answers.
        self.api()?.ready_again(self.options.limits.ready).await?;
        self.api()?.rolled_out(&self.applied, self.options.limits.ready).await?;
        let ingress = self.ingress_up().await?;
        let before = self.workload.addresses.clone();
        self.read_back().await?;
        if self.workload.addresses == before {
            return Ok(());
        }
        ingress.follows(&self.options.limits).await;
        let probers = self.probers();
        self.aim(&probers).await
    }

    /// Waits for the ingress controllers, where there are any.
    async fn ingress_up(&self) -> Result<Ingress, MicroK8sError> {
        let there = wait_for_pods(self.api()?, INGRESS, self.options.limits.addon).await?;
        Ok(if there { Ingress::Runs } else { Ingress::None })
    }

    /// After a restart of its machines: nothing that was started there for the harness runs any more, and what the API
    /// says of pods is old until each kubelet has looked.
    pub(super) async fn come_back(&mut self) -> Result<(), MicroK8sError> {
        self.workload.agents.clear();
        self.running.lock().await.clear();
        self.start_all().await?;
        let limit = self.options.limits.ready;
        for index in 0..self.members.len() {
            let (node, since) = (self.node(index).name(), self.booted(index).await?);
            self.api()?.restarted_on(node, since, limit).await?;
        }
        self.api()?.rolled_out(&self.applied, limit).await?;
        let ingress = self.ingress_up().await?;
        self.read_back().await?;
        for index in 0..self.members.len() {
            self.node_agent(index).await?;
        }
        ingress.follows(&self.options.limits).await;
        let probers = self.probers();
        self.aim(&probers).await
    }

    /// When a machine started, by its own clock.
    async fn booted(&self, index: usize) -> Result<Timestamp, MicroK8sError> {
        let understand = |text: &str| booted(text).ok_or_else(|| "no btime, or no start of process 1".to_owned());
        self.node(index).ask(&["cat", "/proc/stat", "/proc/1/stat"], understand).await
    }

    fn api(&self) -> Result<&KubeApi, MicroK8sError> {
        Ok(self.api.as_ref().ok_or_else(|| KubeError::Missing("the cluster has not been started".to_owned()))?)
    }

    /// Applies manifests and waits until they are rolled out.
    async fn apply(&mut self, manifests: &[Manifest]) -> Result<(), MicroK8sError> {
        self.note_objects(manifests).await?;
        let mut applied = Applied::default();
        let done = self.api()?.apply(manifests, &mut applied).await;
        let rolled_out = match &done {
            Ok(()) => self.api()?.rolled_out(&applied, self.options.limits.ready).await,
            Err(_) => Ok(()),
        };
        // Remembered whatever became of it, so that it is deleted in the end.
        self.applied = std::mem::take(&mut self.applied).and(applied);
        done?;
        Ok(rolled_out?)
    }

    /// On somebody's cluster: notes what is about to be there, unless some of it is there already.
    async fn note_objects(&mut self, manifests: &[Manifest]) -> Result<(), MicroK8sError> {
        let Some(notes) = self.notes.clone() else { return Ok(()) };
        let machine = self.node(0).name().to_owned();
        let present = self.api()?.present(manifests).await?;
        if !present.is_empty() {
            let objects: Vec<String> = present.iter().map(ToString::to_string).collect();
            return Err(MicroK8sError::Taken { machine, objects: objects.join(", ") });
        }
        let mut additions = Noted { list: &mut self.added[0], notes: Some(&notes), machine: &machine };
        object_names(manifests)?.into_iter().try_for_each(|name| additions.add(Added::Object(name)))
    }

    async fn read_back(&mut self) -> Result<(), MicroK8sError> {
        let names = self.names();
        let (backend, applied) = (&self.scenario.backend, &self.applied);
        let sought = Sought { backend, nodes: &names, applied, api_port: API_PORT };
        let addresses = self.api()?.addresses(&sought, self.options.limits.appear).await?;
        self.workload.addresses = addresses;
        Ok(())
    }

    fn probers(&self) -> Vec<Prober> {
        let nodes: Vec<(String, String)> =
            self.members.iter().map(|member| (member.machine.name().to_owned(), member.distro.id.clone())).collect();
        Prober::of(&nodes, self.workload.addresses.backend_node())
    }

    /// An agent for every vantage that the cluster has.
    async fn aim(&mut self, probers: &[Prober]) -> Result<(), MicroK8sError> {
        if let Some(outside) = &self.options.outside {
            self.workload.agents.insert(Vantage::Outside, outside.clone());
        }
        let (backend, remote) = (self.workload.addresses.backend_node(), self.workload.addresses.remote_node());
        for (vantage, index) in [(Vantage::Node, Some(backend)), (Vantage::RemoteNode, remote)] {
            if let Some(index) = index {
                self.add_agent(vantage, index, &node_socket(), self.members[index].ip);
            }
        }
        let ips = self.pod_ips("pathlab").await?;
        for prober in probers {
            let Some(index) = self.names().iter().position(|name| *name == prober.node) else { continue };
            let ip =
                ips.iter().find(|pod| pod.name == prober.pod).map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |pod| pod.ip);
            self.add_agent(prober.vantage, index, prober.socket().as_str(), ip);
        }
        if let Some(pod) = self.workload.addresses.pods.first().cloned() {
            let namespace = self.scenario.backend.namespace.clone();
            self.agent_beside(Vantage::Backend, &namespace, &pod).await?;
        }
        let controllers = self.pod_ips(INGRESS).await?;
        let near = controllers.iter().find(|pod| pod.node == backend).or(controllers.first()).cloned();
        match near {
            Some(pod) => self.agent_beside(Vantage::Ingress, INGRESS, &pod).await,
            None => Ok(()),
        }
    }

    /// The agent of a machine itself.
    async fn node_agent(&self, index: usize) -> Result<(), MicroK8sError> {
        let member = &self.members[index];
        let name = member.machine.name();
        let variables = [("PATHLAB_POD", name), ("PATHLAB_NODE", name), ("PATHLAB_DISTRO", member.distro.id.as_str())];
        let variables = variables.map(|(name, value)| format!("{name}={value}"));
        let serve = [AGENT, "serve", "--socket", &node_socket()].map(str::to_owned);
        let argv = std::iter::once("env".to_owned()).chain(variables).chain(serve);
        self.keep(index, None, &Command::new(argv)).await
    }

    /// An agent in the network of a pod.
    async fn agent_beside(&mut self, vantage: Vantage, namespace: &str, pod: &PodAddress) -> Result<(), MicroK8sError> {
        let known = self.workload.agents.get(&vantage);
        let container = match self.api()?.running_container(namespace, pod).await {
            // One that starts again does so in the same network.
            Err(KubeError::Missing(_)) if known.is_some_and(|known| known.address == pod.ip) => return Ok(()),
            container => container?,
        };
        let socket = container.socket("/run/pathlab", vantage);
        if known.is_some_and(|known| known.socket == *socket) {
            return Ok(());
        }
        let machine = &*self.members[pod.node].machine;
        let command = agent_in_container(machine, &CTR, &container, AGENT, socket.as_str().into()).await?;
        self.keep(pod.node, Some(vantage), &command).await?;
        self.add_agent(vantage, pod.node, &socket, pod.ip);
        Ok(())
    }

    fn add_agent(&mut self, vantage: Vantage, index: usize, socket: &str, address: IpAddr) {
        let machine = Arc::clone(&self.members[index].machine);
        self.workload.agents.insert(vantage, AgentSocket { machine, socket: socket.into(), address });
    }

    /// The pods of a namespace that stay and have an address, each on one of this cluster's nodes.
    async fn pod_ips(&self, namespace: &str) -> Result<Vec<PodAddress>, MicroK8sError> {
        let names = self.names();
        let api = self.api()?;
        let (pods, all): (Api<Pod>, _) = (Api::namespaced(api.client().clone(), namespace), ListParams::default());
        let list = api.patiently(format!("list the pods of {namespace}"), || pods.list(&all)).await?;
        let address = |pod: Pod| {
            let node = pod.spec?.node_name?;
            Some(PodAddress {
                name: pod.metadata.name?,
                ip: pod.status?.pod_ip?.parse().ok()?,
                node: names.iter().position(|name| name.eq_ignore_ascii_case(&node))?,
                host_ports: Vec::new(),
            })
        };
        let stays = |pod: &Pod| pod.metadata.deletion_timestamp.is_none();
        Ok(list.items.into_iter().filter(stays).filter_map(address).collect())
    }
}

/// Where the agent of a machine listens.
fn node_socket() -> String {
    "/run/pathlab/node.sock".to_owned()
}
