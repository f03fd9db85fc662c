//! The embedded cluster at work: hosts, pods and rules in a namespace lab, from a [`ClusterState`].
//!
//! The order is that of a real node: hosts come up with their own policy, the cluster's devices and daemons
//! start, pods and rules follow. Whoever flushes the rules afterwards is noticed as kube-proxy notices it.

mod addresses;
pub mod network;
mod pods;
mod ready;
mod rules;
mod stand_ins;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::{try_join, try_join_all};
use miette::Diagnostic;

use self::{network::identity, pods::PodSpace};
use super::{
    compile,
    compile::Input,
    layout::{self, Node, NodeSpec, OUTSIDE_IP},
    state::{ClusterState, PodRole},
};
use crate::{
    catalog::{
        CatalogError,
        distro::FirewallKind,
        scenario::{Scenario, Underlay},
    },
    cluster::{
        Cluster, ClusterError, ClusterFault, ComponentLog, Place, PlaceKind,
        workload::{AgentSocket, Workload},
    },
    model::{IpFamily, ProviderKind, Vantage},
    plan::{ClusterPlan, Plan},
    probe::aim,
    provider::{
        Command, Machine, MachineError,
        netns::{
            NetnsLab, NetnsMachine, SandboxError,
            underlay::{self, Hosts, links},
        },
    },
};

/// Where every agent of a lab listens, on its machine or in its pod.
const AGENT_SOCKET: &str = "/run/agent.sock";

/// Ports on which a MicroK8s node listens beside the workload's own: API server, kubelet, controller-manager,
/// scheduler, dqlite and the cluster agent. An echo stands in for each, so that exposure can be measured.
const NODE_DAEMON_PORTS: [u16; 7] = [16443, 10250, 10257, 10259, 12379, 19001, 25000];

/// Is there when the kernel has IPv6.
const KERNEL_HAS_IPV6: &str = "/proc/net/if_inet6";

/// Why the cluster could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A machine or pod.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The manifests.
    #[error("{0}")]
    Compile(Box<super::CompileError>),
    /// The scenario needs IPv6.
    #[error("the scenario needs IPv6, which this machine's kernel does not have ({KERNEL_HAS_IPV6} is absent)")]
    NoIpv6,
    /// A program did not come up.
    #[error("{what} on {machine} was not ready within {limit:?}: {last}")]
    NotReady {
        /// What was waited for.
        what: String,
        /// Where.
        machine: String,
        /// How long.
        limit: Duration,
        /// What was seen last, and what the program printed.
        last: String,
    },
}

impl ClusterFault for RuntimeError {
    fn is_transport(&self) -> bool {
        match self {
            Self::Sandbox(error) => error.is_transport(),
            Self::Machine(error) => error.is_transport(),
            Self::Compile(_) | Self::NoIpv6 | Self::NotReady { .. } => false,
        }
    }
}

/// A cluster in the making, or at work.
pub struct Dataplane {
    lab: NetnsLab,
    prefix: String,
    state: ClusterState,
    underlay: Underlay,
    hosts: Hosts,
    nodes: Vec<Arc<dyn Machine>>,
    pods: Vec<PodSpace>,
    workload: Workload,
}

/// The machines of a cluster of the plan, as nodes.
#[must_use]
pub fn node_specs(plan: &ClusterPlan) -> Vec<NodeSpec> {
    let named = (1..).zip(&plan.machines);
    named.map(|(number, distro)| NodeSpec { name: format!("node-{number}"), distro_id: distro.id.clone() }).collect()
}

/// The desired state for a cluster of the plan.
pub fn desired(plan: &ClusterPlan) -> Result<ClusterState, super::CompileError> {
    let nodes = node_specs(plan);
    let scenario = &plan.scenario;
    let (manifests, backend, underlay) = (&scenario.manifests, &scenario.backend, &scenario.underlay);
    let ipv6 = scenario.paths.iter().any(|spec| spec.path.family == IpFamily::Ipv6);
    compile(&Input { manifests, nodes: &nodes, backend, underlay, ipv6 })
}

/// Checks that every cluster of a plan can be made: its manifests, and that each path has something to aim at.
pub fn check(plan: &Plan) -> Result<(), CheckError> {
    let carried = |cluster: &&ClusterPlan| cluster.not_carried(ProviderKind::Netns).is_none();
    for cluster in plan.clusters.iter().filter(carried) {
        let state = desired(cluster).map_err(|error| CheckError::of(error, &cluster.scenario))?;
        check_aims(cluster, &state)?;
    }
    Ok(())
}

/// Checks that each path of a cluster has something to aim at.
pub fn check_aims(cluster: &ClusterPlan, state: &ClusterState) -> Result<(), CheckError> {
    let (scenario, addresses) = (&cluster.scenario, addresses::of(state));
    for case in &cluster.cases {
        aim(&case.spec, &addresses, 0, 0).map_err(|error| {
            let message = format!("{} has nothing to aim at: {error}", case.id);
            CheckError::Scenario(scenario.problem(case.spec.place, message).label("this path"))
        })?;
    }
    Ok(())
}

/// Why a cluster of a plan cannot be made.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum CheckError {
    /// A manifest, or all of them together.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Compile(#[from] super::CompileError),
    /// What the scenario says of its manifests.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Scenario(#[from] CatalogError),
}

impl CheckError {
    /// The same with the place in the scenario's files.
    #[must_use]
    pub fn of(error: super::CompileError, scenario: &Scenario) -> Self {
        let message = error.to_string();
        match error {
            super::CompileError::Manifest(errors) => Self::Compile(errors.in_folder(&scenario.shown_dir()).into()),
            super::CompileError::NoBackend { .. } | super::CompileError::NoBackendPods { .. } => {
                let problem = scenario.problem(scenario.backend_place, message).label("the backend");
                let help = error.help().map(|help| help.to_string());
                Self::Scenario(match help {
                    Some(help) => problem.advice(help),
                    None => problem,
                })
            }
            other => Self::Compile(other),
        }
    }
}

impl Dataplane {
    /// Makes the hosts, not connected yet: some of their settings reach only interfaces that come later.
    pub async fn hosts(lab: &NetnsLab, plan: &ClusterPlan, prefix: &str) -> Result<Self, RuntimeError> {
        let state = desired(plan).map_err(|error| RuntimeError::Compile(Box::new(error)))?;
        if state.families.contains(&IpFamily::Ipv6) && !std::path::Path::new(KERNEL_HAS_IPV6).exists() {
            return Err(RuntimeError::NoIpv6);
        }
        let names: Vec<&str> = state.nodes.iter().map(|node| node.name.as_str()).collect();
        let hosts = underlay::create(lab, prefix, &names).await?;
        let workload = Workload { addresses: addresses::of(&state), agents: BTreeMap::new() };
        let nodes = hosts.nodes.iter().map(|node| Arc::new(node.clone()) as Arc<dyn Machine>).collect();
        let underlay = plan.scenario.underlay.clone();
        let (lab, prefix) = (lab.clone(), prefix.to_owned());
        Ok(Self { lab, prefix, state, underlay, hosts, nodes, pods: Vec::new(), workload })
    }

    /// What the cluster is to be.
    #[must_use]
    pub const fn state(&self) -> &ClusterState {
        &self.state
    }

    async fn start_node(&self, index: usize, machine: &NetnsMachine) -> Result<(), RuntimeError> {
        network::connect(&self.state, index, machine).await?;
        let identity = identity(&self.state.nodes[index].name, &self.state.nodes[index]);
        machine.daemon(&["lab-agent", "serve", "--socket", AGENT_SOCKET], &identity, "agent").await?;
        let ports: Vec<String> = NODE_DAEMON_PORTS.iter().map(|port| format!("--http={port}")).collect();
        let argv: Vec<&str> = ["lab-agent", "echo"].into_iter().chain(ports.iter().map(String::as_str)).collect();
        Ok(machine.daemon(&argv, &identity, "node-daemons").await?)
    }

    /// The outside host reaches services and pods through the nodes; it forwards nothing.
    async fn start_outside(&self) -> Result<(), RuntimeError> {
        let mut routes = Vec::new();
        for &family in &self.state.families {
            let (services, first) = (layout::service_cidr(family), self.state.nodes[0].address(family));
            routes.push(format!("route add {services} via {first}\n"));
            let block = |node: &Node| format!("route add {} via {}\n", node.block_cidr(family), node.address(family));
            routes.extend(self.state.nodes.iter().map(block));
        }
        let outside = &self.hosts.outside;
        links(outside, &routes.concat()).await?;
        Ok(outside.daemon(&["lab-agent", "serve", "--socket", AGENT_SOCKET], &[], "agent").await?)
    }

    fn add_agent(&mut self, vantage: Vantage, machine: &NetnsMachine, address: IpAddr) {
        let machine: Arc<dyn Machine> = Arc::new(machine.clone());
        self.workload.agents.insert(vantage, AgentSocket { machine, socket: AGENT_SOCKET.into(), address });
    }

    async fn start_nodes(&mut self) -> Result<(), RuntimeError> {
        let nodes = self.hosts.nodes.iter().enumerate().map(|(index, machine)| self.start_node(index, machine));
        try_join(try_join_all(nodes), self.start_outside()).await?;
        self.add_agent(Vantage::Outside, &self.hosts.outside.clone(), IpAddr::V4(OUTSIDE_IP));
        let backend = self.state.backend_node().index;
        let remote = (0..self.state.nodes.len()).find(|index| *index != backend);
        for (vantage, index) in [(Vantage::Node, Some(backend)), (Vantage::RemoteNode, remote)] {
            if let Some(index) = index {
                self.add_agent(vantage, &self.hosts.nodes[index].clone(), IpAddr::V4(self.state.nodes[index].ip));
            }
        }
        Ok(())
    }

    /// Starts the pods, writes the rules, and waits until everything answers.
    async fn start_workload(&mut self) -> Result<(), RuntimeError> {
        self.pods = pods::start(&self.lab, &self.prefix, &self.state, &self.hosts).await?;
        for space in &self.pods {
            if let Some((vantage, socket)) = space.vantage(&self.state) {
                let (machine, ip) = (space.machine.clone(), IpAddr::V4(self.state.pods[space.pod].ip));
                let machine: Arc<dyn Machine> = Arc::new(machine);
                let agent = AgentSocket { machine, socket: socket.into(), address: ip };
                self.workload.agents.insert(vantage, agent);
            }
        }
        try_join(rules::write_all(&self.state, &self.hosts.nodes), ready::wait(self)).await?;
        stand_ins::install(&self.state, &self.hosts.nodes).await
    }
}

#[async_trait]
impl Cluster for Dataplane {
    fn nodes(&self) -> &[Arc<dyn Machine>] {
        &self.nodes
    }

    fn node_ips(&self) -> Vec<IpAddr> {
        let families = &self.state.families;
        let own = |node| families.iter().flat_map(move |family| [Node::address(node, *family), node.block(*family)]);
        self.state.nodes.iter().flat_map(own).collect()
    }

    async fn install_firewall(&self, node: usize, firewall: FirewallKind) -> Result<(), ClusterError> {
        self.lab.install(&self.hosts.nodes[node], firewall).await.map_err(ClusterError::new)
    }

    async fn connect(&self) -> Result<(), ClusterError> {
        let families = &self.state.families;
        let addresses = |address: &dyn Fn(IpFamily) -> IpAddr| families.iter().map(|family| address(*family)).collect();
        let nodes: Vec<Vec<IpAddr>> =
            self.state.nodes.iter().map(|node| addresses(&|family| node.address(family))).collect();
        let outside: Vec<IpAddr> = addresses(&layout::outside_ip);
        underlay::connect(&self.hosts, &outside, &nodes, &self.underlay).await.map_err(ClusterError::new)
    }

    async fn start(&mut self) -> Result<(), ClusterError> {
        self.start_nodes().await.map_err(ClusterError::new)
    }

    async fn deploy(&mut self) -> Result<(), ClusterError> {
        self.start_workload().await.map_err(ClusterError::new)
    }

    fn workload(&self) -> &Workload {
        &self.workload
    }

    fn places(&self) -> Vec<Place> {
        let mut places = Place::of_hosts(&self.nodes, &self.workload);
        places.extend(self.pods.iter().map(|space| {
            let pod = &self.state.pods[space.pod];
            let kind = PlaceKind::Pod { namespace: pod.namespace.clone() };
            let address = Some(IpAddr::V4(pod.ip));
            Place { kind, node: Some(pod.node), address, machine: Arc::new(space.machine.clone()) }
        }));
        places
    }

    fn logs(&self, node: usize) -> Vec<ComponentLog> {
        let log = |space: &PodSpace| {
            let pod = &self.state.pods[space.pod];
            let (component, daemon) = match pod.role {
                PodRole::Ingress => ("ingress", "nginx"),
                PodRole::Dns => ("dns", "dnsmasq"),
                PodRole::Workload | PodRole::LocalProber | PodRole::RemoteProber => return None,
            };
            let command = Command::new(["cat".to_owned(), space.machine.log(daemon)]);
            (pod.node == node).then(|| ComponentLog { component: component.to_owned(), command })
        };
        self.pods.iter().filter_map(log).collect()
    }

    async fn rules_intact(&self) -> Result<bool, ClusterError> {
        rules::intact(&self.state, &self.hosts.nodes).await.map_err(ClusterError::new)
    }

    /// Host ports stay as they are.
    async fn resync(&self) -> Result<(), ClusterError> {
        rules::sync(&self.state, &self.hosts.nodes).await.map_err(ClusterError::new)
    }

    /// Nothing goes on by itself here, and no address ever changes.
    async fn settle(&mut self) -> Result<(), ClusterError> {
        Ok(())
    }
}
