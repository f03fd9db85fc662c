//! What runs the manifests on the machines.

pub mod dataplane;
pub mod image;
pub mod kube;
pub mod kubernetes;
pub mod manifest;
pub mod microk8s;
mod place;
pub mod workload;

use std::{error::Error, fmt, net::IpAddr, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::place::{Place, PlaceKind};
use self::workload::Workload;
use crate::{
    catalog::distro::FirewallKind,
    provider::{Command, Machine, MachineError, netns::SandboxError},
};

/// One cluster with the machines that it lives on, from bare hosts to a deployed workload.
///
/// Its life has this order: [`install_firewall`](Self::install_firewall) and the hosts' policy,
/// [`connect`](Self::connect), [`start`](Self::start), [`deploy`](Self::deploy), then probes, remedies and
/// [`resync`](Self::resync) as often as it takes. Conditions of the scenario come in between.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// The nodes, in order.
    fn nodes(&self) -> &[Arc<dyn Machine>];

    /// Addresses on which a backend may see the nodes.
    fn node_ips(&self) -> Vec<IpAddr>;

    /// Makes a firewall installed on a node, but not running.
    async fn install_firewall(&self, node: usize, firewall: FirewallKind) -> Result<(), ClusterError>;

    /// Connects the hosts to their underlay, where they are not connected from the start.
    async fn connect(&self) -> Result<(), ClusterError>;

    /// Starts what a node runs before any workload: devices, settings, daemons, the cluster's own components.
    async fn start(&mut self) -> Result<(), ClusterError>;

    /// Deploys the scenario's manifests and the probing pods, and waits until everything answers.
    async fn deploy(&mut self) -> Result<(), ClusterError>;

    /// What probes need to know. Complete once the cluster is deployed.
    fn workload(&self) -> &Workload;

    /// Every machine of it that somebody can enter, the nodes first: pods only where they are machines too.
    fn places(&self) -> Vec<Place> {
        Place::of_hosts(self.nodes(), self.workload())
    }

    /// Logs of the cluster's components on a node.
    fn logs(&self, node: usize) -> Vec<ComponentLog>;

    /// Whether the rules that the cluster's proxy watches are all there.
    async fn rules_intact(&self) -> Result<bool, ClusterError>;

    /// Has those rules written again, as the proxy does once it has noticed, and waits for it.
    async fn resync(&self) -> Result<(), ClusterError>;

    /// After a condition or remedy has run: waits for what it set going in the cluster itself, and learns new addresses.
    async fn settle(&mut self) -> Result<(), ClusterError>;

    /// After its machines were restarted: waits until it is as before, and starts again what ran beside it. Machines
    /// without a kernel of their own are never restarted.
    async fn restarted(&mut self) -> Result<(), ClusterError> {
        Ok(())
    }
}

/// The log of a component on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentLog {
    /// `ingress`, `dns`, `kubelet`, …
    pub component: String,
    /// Prints it, when run on that node.
    pub command: Command,
}

/// Why one kind of cluster could not do what was asked.
pub trait ClusterFault: Error + Send + Sync + 'static {
    /// Whether the way to a machine failed, or the making of one, rather than the cluster: then nothing is known of it.
    fn is_transport(&self) -> bool {
        false
    }
}

impl ClusterFault for MachineError {
    fn is_transport(&self) -> bool {
        Self::is_transport(self)
    }
}

impl ClusterFault for SandboxError {
    fn is_transport(&self) -> bool {
        // A sandbox that is gone cannot be asked again.
        matches!(self, Self::Refused(_))
    }
}

/// Why a cluster could not do what was asked; each kind of cluster has its own reasons.
#[derive(Debug)]
pub struct ClusterError(Box<dyn ClusterFault>);

impl ClusterError {
    /// An error of one kind of cluster.
    pub fn new(fault: impl ClusterFault) -> Self {
        Self(Box::new(fault))
    }

    /// Whether the way to a machine failed, or the making of one, rather than the cluster.
    #[must_use]
    pub fn is_transport(&self) -> bool {
        self.0.is_transport()
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for ClusterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
