//! Deploying a scenario through the API, and reading back where everything is.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use jiff::Timestamp;
use lab_agent::protocol::{Endpoint, Probe, ProbeKind};
use tokio::time::{Instant, sleep};

use super::{
    Kubernetes,
    error::KubernetesError,
    images::{DNSMASQ, NGINX},
    node::AGENT_SOCKET,
    observed, rules, stand_ins, worker,
};
use crate::{
    catalog::scenario::Manifest,
    cluster::{
        dataplane::{
            INGRESS_PORT, dnsmasq,
            layout::{API_PORT, DNS_SERVICE_IP, OUTSIDE_IP},
            nginx,
        },
        kube::{
            Applied, Sought, agent_in_container,
            own::{self, Dns, IngressNode, Prober, Program},
        },
        workload::AgentSocket,
    },
    model::{Outcome, Vantage},
    probe::run_batch,
    provider::netns::NetnsMachine,
};

/// How long the scenario's own pods may take to come up.
const LIMIT: Duration = Duration::from_secs(90);

/// How long something that has been started may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(100);

impl Kubernetes {
    pub(super) async fn deploy_all(&mut self) -> Result<(), KubernetesError> {
        let manifests = self.scenario.manifests.clone();
        self.apply(&[own::dns_service(IpAddr::V4(DNS_SERVICE_IP))]).await?;
        self.apply(&manifests).await?;
        self.observe().await?;
        let dns = self.dns();
        self.apply(&[dns]).await?;
        self.roll_out().await?;
        self.locate().await?;
        self.observe().await?;
        let own = [self.ingress(), self.probers()];
        self.apply(&own).await?;
        self.roll_out().await?;
        self.aim().await
    }

    /// After what a condition or remedy has done: waits for rollouts, and reads back what they changed.
    pub(super) async fn look_again(&mut self) -> Result<(), KubernetesError> {
        let mut restarted = Vec::new();
        for (node, machine) in self.machines() {
            if stand_ins::kubelet_restarted(machine).await? {
                restarted.push(node.name.clone());
            }
        }
        // Until it speaks, the API server says what the one before it said.
        self.api()?.heard_from(&restarted, Timestamp::now(), LIMIT).await?;
        self.api()?.nodes_ready(&self.nodes_by_name(), LIMIT).await?;
        self.roll_out().await?;
        self.locate().await?;
        let before = self.endpoints();
        self.observe().await?;
        if self.endpoints() == before {
            return Ok(());
        }
        let own = [self.ingress()];
        self.apply(&own).await?;
        self.roll_out().await?;
        self.aim().await
    }

    async fn apply(&mut self, manifests: &[Manifest]) -> Result<(), KubernetesError> {
        let mut applied = Applied::default();
        let done = self.api()?.apply(manifests, &mut applied).await;
        for object in applied.objects {
            self.applied.objects.retain(|known| known.uid != object.uid);
            self.applied.objects.push(object);
        }
        Ok(done?)
    }

    async fn roll_out(&self) -> Result<(), KubernetesError> {
        Ok(self.api()?.rolled_out(&self.applied, LIMIT).await?)
    }

    async fn observe(&mut self) -> Result<(), KubernetesError> {
        let seen = self.api()?.inventory().await?;
        self.state = observed::state(&self.state, &self.objects, &self.scenario.backend, &seen);
        Ok(())
    }

    /// All addresses to which services lead.
    fn endpoints(&self) -> BTreeSet<IpAddr> {
        let ports = self.state.services.iter().flat_map(|service| &service.ports);
        ports.flat_map(|port| port.endpoints.iter().map(|endpoint| endpoint.ip)).collect()
    }

    fn dns(&self) -> Manifest {
        let files = dnsmasq::files(&self.state, &observed::dns_pod_to_be());
        let config = files.config.replace(dnsmasq::HOSTS_PATH, &format!("{}/hosts", own::FILES));
        let program = Program {
            image: DNSMASQ,
            command: &["/usr/sbin/dnsmasq", "--conf-file=/etc/pathlab/dnsmasq.conf"],
            files: &[("dnsmasq.conf", &config), ("hosts", &files.hosts)],
        };
        own::dns(&Dns { program, node: &self.state.nodes[0].name, cluster_ip: IpAddr::V4(DNS_SERVICE_IP) })
    }

    fn ingress(&self) -> Manifest {
        let config = nginx::config(&self.state);
        let program = Program {
            image: NGINX,
            command: &["/usr/sbin/nginx", "-c", "/etc/pathlab/nginx.conf"],
            files: &[("nginx.conf", &config)],
        };
        own::ingress(&program, INGRESS_PORT, &self.ingress_nodes())
    }

    fn ingress_nodes(&self) -> Vec<IngressNode> {
        let node = |node: &super::Node| IngressNode {
            name: node.name.clone(),
            distro: node.distro_id.clone(),
            ips: vec![IpAddr::V4(node.ip)],
        };
        self.state.nodes.iter().map(node).collect()
    }

    fn all_probers(&self) -> Vec<Prober> {
        let nodes: Vec<(String, String)> =
            self.state.nodes.iter().map(|node| (node.name.clone(), node.distro_id.clone())).collect();
        let backend = self.state.backend().pods.first().map_or(0, |pod| self.state.pods[*pod].node);
        Prober::of(&nodes, backend)
    }

    fn probers(&self) -> Manifest {
        own::probers(&self.all_probers())
    }

    /// Writes the rules that follow from what runs, and finds everything that a probe needs.
    async fn aim(&mut self) -> Result<(), KubernetesError> {
        self.locate().await?;
        self.observe().await?;
        self.agents().await?;
        rules::wait_for_proxy(&self.state, &self.hosts.nodes).await?;
        rules::write_calico(&self.state, &self.hosts.nodes).await?;
        self.ingress_answers().await
    }

    /// Reads where everything is, once services lead to their pods.
    async fn locate(&mut self) -> Result<(), KubernetesError> {
        let names = self.nodes_by_name();
        let (backend, applied) = (&self.scenario.backend, &self.applied);
        let sought = Sought { backend, nodes: &names, applied, api_port: API_PORT };
        self.workload.addresses = self.api()?.addresses(&sought, ANSWER_LIMIT).await?;
        Ok(())
    }

    async fn agents(&mut self) -> Result<(), KubernetesError> {
        let outside = self.hosts.outside.clone();
        self.add_agent(Vantage::Outside, &outside, AGENT_SOCKET, IpAddr::V4(OUTSIDE_IP));
        let addresses = self.workload.addresses.clone();
        let (backend, remote) = (addresses.backend_node(), addresses.remote_node());
        for (vantage, index) in [(Vantage::Node, Some(backend)), (Vantage::RemoteNode, remote)] {
            if let Some(index) = index {
                let (machine, ip) = (self.hosts.nodes[index].clone(), IpAddr::V4(self.state.nodes[index].ip));
                self.add_agent(vantage, &machine, AGENT_SOCKET, ip);
            }
        }
        for prober in self.all_probers() {
            let Some(index) = self.state.nodes.iter().position(|node| node.name == prober.node) else { continue };
            let machine = self.hosts.nodes[index].clone();
            let ip = self.pod_ip("pathlab", &prober.pod);
            self.add_agent(prober.vantage, &machine, prober.socket().as_str(), ip);
        }
        let machine = self.hosts.nodes[backend].clone();
        let controller = self.ingress_nodes()[backend].controller();
        let here = addresses.ingress_pods.iter().find(|pod| pod.node == backend);
        let ip = here.map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |pod| pod.address.ip());
        self.add_agent(Vantage::Ingress, &machine, own::socket(&controller).as_str(), ip);
        self.backend_agent(&machine).await
    }

    /// An agent beside the backend's own: it goes into the network of the pod.
    async fn backend_agent(&mut self, machine: &NetnsMachine) -> Result<(), KubernetesError> {
        let Some(pod) = self.workload.addresses.pods.first().cloned() else { return Ok(()) };
        let container = self.api()?.running_container(&self.scenario.backend.namespace, &pod).await?;
        // Beside a container of before, which has gone, one may still listen.
        let socket = container.socket("/run", Vantage::Backend);
        if self.workload.agents.get(&Vantage::Backend).is_some_and(|known| known.socket == *socket) {
            return Ok(());
        }
        let command =
            agent_in_container(machine, &worker::CTR, &container, "lab-agent", socket.as_str().into()).await?;
        let argv: Vec<&str> = command.argv.iter().map(String::as_str).collect();
        machine.daemon(&argv, &[], "agent-backend").await?;
        self.add_agent(Vantage::Backend, machine, &socket, pod.ip);
        Ok(())
    }

    fn pod_ip(&self, namespace: &str, name: &str) -> IpAddr {
        let found = self.state.pods.iter().find(|pod| pod.namespace == namespace && pod.name == name);
        found.map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |pod| IpAddr::V4(pod.ip))
    }

    fn add_agent(&mut self, vantage: Vantage, machine: &NetnsMachine, socket: &str, address: IpAddr) {
        let machine = std::sync::Arc::new(machine.clone());
        self.workload.agents.insert(vantage, AgentSocket { machine, socket: socket.into(), address });
    }

    /// Waits until nginx answers the agent beside it, and with it every agent that is asked later.
    async fn ingress_answers(&self) -> Result<(), KubernetesError> {
        let end = Instant::now() + ANSWER_LIMIT;
        for (vantage, agent) in &self.workload.agents {
            loop {
                let to = Endpoint { host: "127.0.0.1".to_owned(), port: INGRESS_PORT };
                let probe = Probe {
                    id: 0,
                    kind: ProbeKind::Connect { to },
                    timeout_ms: 500,
                    expected_pods: Vec::new(),
                    repeat: 1,
                    ipv6: false,
                    source_port: None,
                };
                let last = match run_batch(agent, vec![probe]).await {
                    // Of all others it is enough that they answer.
                    Ok(_) if *vantage != Vantage::Ingress => break,
                    Ok(results) if results.iter().any(|result| result.outcome == Outcome::Ok) => break,
                    Ok(results) => results.first().map(|result| result.detail.clone()).unwrap_or_default(),
                    Err(error) => error.to_string(),
                };
                if Instant::now() > end {
                    let (what, machine) = ("an agent or the ingress", agent.machine.name().to_owned());
                    return Err(KubernetesError::NotReady { what, machine, limit: ANSWER_LIMIT, last });
                }
                sleep(PAUSE).await;
            }
        }
        Ok(())
    }
}
