//! The machines of a cluster as somebody finds them who wants to enter one.

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::workload::Workload;
use crate::{model::Vantage, provider::Machine};

/// A machine of a cluster.
#[derive(Clone)]
pub struct Place {
    /// What it is there.
    pub kind: PlaceKind,
    /// Index of the node that it is or is on; none outside of the cluster.
    pub node: Option<usize>,
    /// The address that others know it by, where it has one.
    pub address: Option<IpAddr>,
    /// The machine.
    pub machine: Arc<dyn Machine>,
}

/// What a machine is in its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceKind {
    /// A node.
    Node,
    /// The host outside.
    Outside,
    /// A pod.
    Pod {
        /// Its namespace.
        namespace: String,
    },
}

impl Place {
    /// The nodes, and the host outside where there is one.
    #[must_use]
    pub fn of_hosts(nodes: &[Arc<dyn Machine>], workload: &Workload) -> Vec<Self> {
        let nodes = nodes.iter().enumerate().map(|(index, node)| Self {
            kind: PlaceKind::Node,
            node: Some(index),
            address: workload.addresses.nodes.get(index).map(|node| node.ip),
            machine: Arc::clone(node),
        });
        let outside = workload.agents.get(&Vantage::Outside).map(|agent| Self {
            kind: PlaceKind::Outside,
            node: None,
            address: Some(agent.address),
            machine: Arc::clone(&agent.machine),
        });
        nodes.chain(outside).collect()
    }
}
