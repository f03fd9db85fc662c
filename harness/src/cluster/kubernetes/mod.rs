//! Real Kubernetes on namespace hosts: etcd, API server, controller manager and scheduler on the first, and kubelet,
//! kube-proxy, containerd and runc on each. The judge of the embedded cluster.
//!
//! Addresses, links and Calico's rules are the embedded cluster's, from the same code: interfaces and host firewalls
//! meet the same packets. Everything else is done by the real programs, told through the real API.

mod check;
pub mod cni;
pub mod control_plane;
pub mod credentials;
mod embeddable;
mod error;
pub mod files;
pub mod images;
pub mod kubectl;
mod node;
pub mod observed;
pub mod programs;
mod rules;
mod stand_ins;
mod start;
mod watch;
pub mod worker;
mod workload;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use async_trait::async_trait;
use tokio::sync::Mutex;

use self::watch::{CONTROL_PLANE, WORKER, Watch};
pub use self::{
    check::{CheckError, check},
    error::KubernetesError,
    files::KUBECONFIG,
};
use super::{
    Cluster, ClusterError, ComponentLog,
    dataplane::{ClusterState, Node, layout::OUTSIDE_IP},
    kube::{Applied, KubeApi},
    manifest::{self, Objects},
    workload::{Addresses, Workload},
};
use crate::{
    catalog::{
        distro::FirewallKind,
        scenario::{Scenario, Underlay},
    },
    plan::ClusterPlan,
    provider::{
        Command, Machine,
        netns::{
            CONTAINERS, NetnsLab, NetnsMachine, PROGRAMS,
            underlay::{self, Hosts},
        },
    },
};

/// A cluster in the making, or at work.
pub struct Kubernetes {
    lab: NetnsLab,
    scenario: Arc<Scenario>,
    prefix: String,
    images: Arc<Vec<(String, Vec<u8>)>>,
    /// What the API last reported; before there is one, the nodes alone.
    state: ClusterState,
    /// What of the manifests the lab carries out itself.
    objects: Objects,
    underlay: Underlay,
    hosts: Hosts,
    nodes: Vec<Arc<dyn Machine>>,
    api: Option<KubeApi>,
    /// What the lab and the scenario applied.
    applied: Applied,
    workload: Workload,
    /// How often kube-proxy was made to look.
    pokes: Mutex<u16>,
}

/// What all clusters of a run share.
#[derive(Clone)]
pub struct Shared {
    lab: NetnsLab,
    images: Arc<Vec<(String, Vec<u8>)>>,
}

impl Shared {
    /// Starts the sandbox, with the programs in this folder, and makes the images.
    pub async fn start(programs: &camino::Utf8Path) -> Result<Self, KubernetesError> {
        let images = Arc::new(images::all()?);
        Ok(Self { lab: NetnsLab::start_as_root(programs).await?, images })
    }

    /// The sandbox.
    #[must_use]
    pub const fn lab(&self) -> &NetnsLab {
        &self.lab
    }
}

impl Kubernetes {
    /// Makes the hosts, not connected yet.
    pub async fn hosts(shared: &Shared, plan: &ClusterPlan, prefix: &str) -> Result<Self, KubernetesError> {
        let objects = manifest::lab_part(&manifest::documents(&plan.scenario.manifests)?)?;
        let state = observed::before(plan, &objects);
        let names: Vec<&str> = state.nodes.iter().map(|node| node.name.as_str()).collect();
        let hosts = underlay::create(&shared.lab, prefix, &names).await?;
        let nodes = hosts.nodes.iter().map(|node| Arc::new(node.clone()) as Arc<dyn Machine>).collect();
        let workload = Workload { addresses: Addresses::default(), agents: BTreeMap::new() };
        Ok(Self {
            lab: shared.lab.clone(),
            scenario: Arc::clone(&plan.scenario),
            prefix: prefix.to_owned(),
            images: Arc::clone(&shared.images),
            underlay: plan.scenario.underlay.clone(),
            state,
            objects,
            hosts,
            nodes,
            api: None,
            applied: Applied::default(),
            workload,
            pokes: Mutex::new(0),
        })
    }

    fn api(&self) -> Result<&KubeApi, KubernetesError> {
        self.api.as_ref().ok_or_else(|| KubernetesError::Unsupported("the API server was not started".to_owned()))
    }

    /// The control group of a node's containers, as the kubelet writes it.
    fn group(&self, node: &Node) -> String {
        format!("/{}.{}/{CONTAINERS}", self.prefix, node.name)
    }

    fn nodes_by_name(&self) -> Vec<String> {
        self.state.nodes.iter().map(|node| node.name.clone()).collect()
    }

    fn machines(&self) -> impl Iterator<Item = (&Node, &NetnsMachine)> {
        self.state.nodes.iter().zip(&self.hosts.nodes)
    }

    async fn write_rules(&self) -> Result<(), KubernetesError> {
        let api = self.api()?;
        if api.version().minor >= worker::FIRST_WRITING_CHANGES {
            for (node, machine) in self.machines() {
                stand_ins::restart_proxy(machine, &worker::kube_proxy(PROGRAMS, node)).await?;
            }
        } else {
            let number = {
                let mut pokes = self.pokes.lock().await;
                *pokes += 1;
                *pokes
            };
            rules::poke(api, number).await?;
        }
        rules::wait_for_proxy(&self.state, &self.hosts.nodes).await?;
        rules::write_calico(&self.state, &self.hosts.nodes).await
    }
}

#[async_trait]
impl Cluster for Kubernetes {
    fn nodes(&self) -> &[Arc<dyn Machine>] {
        &self.nodes
    }

    fn node_ips(&self) -> Vec<IpAddr> {
        self.state.nodes.iter().flat_map(|node| [IpAddr::V4(node.ip), IpAddr::V4(node.block)]).collect()
    }

    async fn install_firewall(&self, node: usize, firewall: FirewallKind) -> Result<(), ClusterError> {
        self.lab.install(&self.hosts.nodes[node], firewall).await.map_err(ClusterError::new)
    }

    async fn connect(&self) -> Result<(), ClusterError> {
        let nodes: Vec<Vec<IpAddr>> = self.state.nodes.iter().map(|node| vec![IpAddr::V4(node.ip)]).collect();
        let outside = [IpAddr::V4(OUTSIDE_IP)];
        underlay::connect(&self.hosts, &outside, &nodes, &self.underlay).await.map_err(ClusterError::new)
    }

    async fn start(&mut self) -> Result<(), ClusterError> {
        self.start_all().await.map_err(ClusterError::new)
    }

    async fn deploy(&mut self) -> Result<(), ClusterError> {
        let watch = Watch::all(self.machines(), &WORKER);
        watch.during(self.deploy_all()).await.map_err(ClusterError::new)
    }

    fn workload(&self) -> &Workload {
        &self.workload
    }

    fn logs(&self, node: usize) -> Vec<ComponentLog> {
        let control_plane = if node == 0 { &CONTROL_PLANE[..] } else { &[] };
        let machine = &self.hosts.nodes[node];
        let log = |name: &&str| ComponentLog {
            component: (*name).to_owned(),
            command: Command::new(["cat".to_owned(), machine.log(name)]),
        };
        control_plane.iter().chain(&WORKER).map(log).collect()
    }

    async fn rules_intact(&self) -> Result<bool, ClusterError> {
        let missing = rules::missing(&self.state, &self.hosts.nodes).await.map_err(ClusterError::new)?;
        if let Some((machine, what)) = &missing {
            tracing::debug!(machine, what, "missing");
        }
        Ok(missing.is_none())
    }

    /// Host ports stay as they are.
    async fn resync(&self) -> Result<(), ClusterError> {
        self.write_rules().await.map_err(ClusterError::new)
    }

    async fn settle(&mut self) -> Result<(), ClusterError> {
        self.look_again().await.map_err(ClusterError::new)
    }
}
