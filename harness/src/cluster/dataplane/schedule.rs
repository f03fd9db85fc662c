//! Which pod runs on which node: the scheduler's plain rules.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::layout::Node;
use crate::cluster::manifest::{ContainerPort, ManifestError, Transport, Workload, WorkloadKind};

/// Places the pods of workloads one after the other.
pub struct Scheduler<'a> {
    nodes: &'a [Node],
    /// Pods of the manifests on each node.
    counts: Vec<usize>,
    /// Host ports that are taken on each node.
    taken: Vec<Vec<TakenPort>>,
}

struct TakenPort {
    transport: Transport,
    port: u16,
    address: Option<Ipv4Addr>,
}

/// Labels that every node has, beside its host name.
const NODE_LABELS: [(&str, &str); 4] = [
    ("kubernetes.io/os", "linux"),
    ("kubernetes.io/arch", "amd64"),
    ("beta.kubernetes.io/os", "linux"),
    ("beta.kubernetes.io/arch", "amd64"),
];

impl<'a> Scheduler<'a> {
    /// A scheduler of an empty cluster.
    pub fn new(nodes: &'a [Node]) -> Self {
        Self { nodes, counts: vec![0; nodes.len()], taken: nodes.iter().map(|_| Vec::new()).collect() }
    }

    /// The node of each pod of a workload, as indices.
    pub fn place(&mut self, workload: &Workload) -> Result<Vec<usize>, ManifestError> {
        let fitting = self.fitting(workload)?;
        let wanted = match workload.kind {
            WorkloadKind::DaemonSet => {
                for &node in &fitting {
                    self.take(workload, node)?;
                }
                return Ok(fitting);
            }
            WorkloadKind::Deployment { replicas } => replicas,
            WorkloadKind::Pod => 1,
        };
        let mut own: BTreeMap<usize, usize> = BTreeMap::new();
        let mut placed = Vec::new();
        for _ in 0..wanted {
            let free = fitting.iter().copied().filter(|&node| self.conflict(workload, node).is_none());
            // The pods of one owner spread first, then all pods.
            let best = free.min_by_key(|node| (own.get(node).copied().unwrap_or(0), self.counts[*node], *node));
            let Some(node) = best else { return Err(self.unplaceable(workload, &fitting)) };
            self.take(workload, node)?;
            *own.entry(node).or_default() += 1;
            placed.push(node);
        }
        Ok(placed)
    }

    /// The nodes that the workload asks for; an error when a pod must run and there is none.
    fn fitting(&self, workload: &Workload) -> Result<Vec<usize>, ManifestError> {
        let template = &workload.template;
        let names = || self.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
        if let Some(name) = &template.node_name
            && !self.nodes.iter().any(|node| node.name == *name)
        {
            let message = format!("there is no node `{name}`; the cluster has {}", names());
            return Err(workload.origin.error(&template.field.key("nodeName"), message));
        }
        let fitting: Vec<usize> = self
            .nodes
            .iter()
            .filter(|node| template.node_name.as_ref().is_none_or(|name| *name == node.name))
            .filter(|node| template.node_selector.iter().all(|(key, value)| has_label(node, key, value)))
            .map(|node| node.index)
            .collect();
        let needs_one = match workload.kind {
            WorkloadKind::Deployment { replicas } => replicas > 0,
            WorkloadKind::DaemonSet => false,
            WorkloadKind::Pod => true,
        };
        if fitting.is_empty() && needs_one {
            let message = format!("no node has these labels; the cluster has {}", names());
            let help = "nodes have kubernetes.io/hostname, kubernetes.io/os and kubernetes.io/arch";
            return Err(workload.origin.error(&template.field.key("nodeSelector"), message).help(help));
        }
        Ok(fitting)
    }

    fn take(&mut self, workload: &Workload, node: usize) -> Result<(), ManifestError> {
        if self.conflict(workload, node).is_some() {
            return Err(self.unplaceable(workload, &[node]));
        }
        let ports = workload.template.ports().filter_map(|port| {
            Some(TakenPort { transport: port.transport, port: port.host_port?, address: port.host_ip })
        });
        self.taken[node].extend(ports);
        self.counts[node] += 1;
        Ok(())
    }

    fn conflict<'w>(&self, workload: &'w Workload, node: usize) -> Option<&'w ContainerPort> {
        let taken = &self.taken[node];
        workload.template.ports().find(|port| {
            taken.iter().any(|other| {
                port.host_port == Some(other.port)
                    && port.transport == other.transport
                    && (port.host_ip.is_none() || other.address.is_none() || port.host_ip == other.address)
            })
        })
    }

    fn unplaceable(&self, workload: &Workload, nodes: &[usize]) -> ManifestError {
        let port = nodes.iter().find_map(|&node| self.conflict(workload, node));
        let field = port.map_or_else(|| workload.template.field.clone(), |port| port.field.key("hostPort"));
        let number = port.and_then(|port| port.host_port).unwrap_or_default();
        let message = format!("host port {number} is taken by another pod on every node where this pod could run");
        workload.origin.error(&field, message)
    }
}

fn has_label(node: &Node, key: &str, value: &str) -> bool {
    (key == "kubernetes.io/hostname" && value == node.name) || NODE_LABELS.contains(&(key, value))
}
