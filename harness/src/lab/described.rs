//! What a keeper says of its lab: all that does not change while it is up.

use std::{collections::BTreeMap, net::IpAddr};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::{
    cluster::{Cluster, ComponentLog, Place, PlaceKind, workload::Addresses},
    model::{ClusterKind, ProviderKind, Vantage, report::Host},
    plan::AS_INSTALLED,
    run::{Life, observation::Before},
};

/// A lab that is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Described {
    /// What makes its machines.
    pub provider: ProviderKind,
    /// What runs on them.
    pub cluster: ClusterKind,
    /// Versions of what decides results, on the host that runs the lab.
    pub host: Host,
    /// Its clusters, in the order of its plan.
    pub clusters: Vec<ClusterView>,
}

/// A cluster of a lab that is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterView {
    /// The id of its part of the plan.
    pub id: String,
    /// Scenario id.
    pub scenario: String,
    /// Distro id.
    pub distro: String,
    /// Distro id of each node, in order: a mixed cluster has several.
    #[serde(default)]
    pub node_distros: Vec<String>,
    /// Other names of the distro.
    pub aliases: Vec<String>,
    /// `as-installed`, or the remedy's id.
    pub state: String,
    /// The manifests that were deployed, with their SHA-256.
    pub manifests: Vec<(Utf8PathBuf, String)>,
    /// Its machines: the nodes first, in order.
    pub machines: Vec<MachineView>,
    /// Addresses on which a backend may see the nodes.
    pub node_ips: Vec<IpAddr>,
    /// What can be aimed at.
    pub addresses: Addresses,
    /// The agents: index of their machine, their socket there, their own address.
    pub agents: BTreeMap<Vantage, (usize, Utf8PathBuf, IpAddr)>,
    /// Logs of the cluster's components, node by node.
    pub logs: Vec<Vec<ComponentLog>>,
    /// What was seen of it while it was made.
    pub before: Before,
}

/// A machine of a cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MachineView {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: PlaceKind,
    /// Index of the node that it is or is on.
    pub node: Option<usize>,
    /// The address that others know it by.
    pub address: Option<IpAddr>,
}

impl ClusterView {
    /// A cluster that lives, with the machines that somebody can enter.
    pub(super) fn of(life: &Life, places: &[Place]) -> Self {
        let (plan, cluster) = (life.plan(), life.cluster());
        let machines: Vec<MachineView> = places
            .iter()
            .map(|place| MachineView {
                name: place.machine.name().to_owned(),
                kind: place.kind.clone(),
                node: place.node,
                address: place.address,
            })
            .collect();
        let nodes = cluster.nodes().len();
        Self {
            id: plan.id(),
            scenario: plan.scenario.id.clone(),
            distro: plan.distro.id.clone(),
            node_distros: plan.machines.iter().map(|distro| distro.id.clone()).collect(),
            aliases: plan.distro.aliases.clone(),
            state: plan.remedy.as_ref().map_or(AS_INSTALLED, |remedy| &remedy.id).to_owned(),
            manifests: plan.scenario.manifests.iter().map(|one| (one.path.clone(), one.sha256.clone())).collect(),
            node_ips: cluster.node_ips(),
            addresses: cluster.workload().addresses.clone(),
            agents: agents(cluster, &machines),
            logs: (0..nodes).map(|node| cluster.logs(node)).collect(),
            before: life.before(),
            machines,
        }
    }

    /// Index of its first machine that is no node.
    pub(super) fn nodes(&self) -> usize {
        self.machines.iter().take_while(|machine| machine.kind == PlaceKind::Node).count()
    }
}

/// Agents on machines that somebody can enter, which all are.
fn agents(cluster: &dyn Cluster, machines: &[MachineView]) -> BTreeMap<Vantage, (usize, Utf8PathBuf, IpAddr)> {
    let agents = cluster.workload().agents.iter();
    agents
        .filter_map(|(vantage, agent)| {
            let index = machines.iter().position(|machine| machine.name == agent.machine.name())?;
            Some((*vantage, (index, agent.socket.clone(), agent.address)))
        })
        .collect()
}
