//! A deployed workload: all that a probe needs to know of it, whatever runs it.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::{
    model::{IpFamily, Protocol, Vantage},
    provider::Machine,
};

/// A deployed workload and the agents that look at it.
#[derive(Clone)]
pub struct Workload {
    /// Addresses of what can be aimed at.
    pub addresses: Addresses,
    /// The agent of each vantage that this cluster has.
    pub agents: BTreeMap<Vantage, AgentSocket>,
}

/// Where an agent listens.
#[derive(Clone)]
pub struct AgentSocket {
    /// The machine, or the pod's namespaces.
    pub machine: Arc<dyn Machine>,
    /// Its control socket there.
    pub socket: Utf8PathBuf,
    /// The prober's own address on the network that it probes.
    pub address: IpAddr,
}

/// Addresses of what can be aimed at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// The nodes, in order.
    pub nodes: Vec<NodeAddress>,
    /// The backend service's ready pods; the first is "the backend pod". Never empty.
    pub pods: Vec<PodAddress>,
    /// The backend service.
    pub service: ServiceAddress,
    /// The cluster's DNS service.
    pub dns: Option<IpAddr>,
    /// The pods behind it.
    pub dns_pods: Vec<SystemPod>,
    /// The ingress controllers' pods.
    pub ingress_pods: Vec<SystemPod>,
    /// Port of the ingress controller on every node, when there is one.
    pub ingress_port: Option<u16>,
    /// Whether nothing that was applied tells the controller where to send a request: it answers http-404 to all then.
    #[serde(default)]
    pub without_ingress: bool,
    /// The Kubernetes API as pods reach it.
    pub api_service: Option<(IpAddr, u16)>,
    /// Port of the Kubernetes API on the first node.
    pub api_port: u16,
    /// The same over IPv6, where the cluster has it; all else here is IPv4.
    pub ipv6: Option<Box<Addresses>>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddress {
    /// Its name.
    pub name: String,
    /// Its address on the underlay.
    pub ip: IpAddr,
}

/// A pod of the backend service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodAddress {
    /// Its name.
    pub name: String,
    /// Its address.
    pub ip: IpAddr,
    /// Index of its node.
    pub node: usize,
    /// Its host ports.
    pub host_ports: Vec<HostPort>,
}

/// A pod of the cluster's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemPod {
    /// Its address, and the port where it serves.
    pub address: SocketAddr,
    /// Index of its node.
    pub node: usize,
}

/// A container port that is published on the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPort {
    /// On the node.
    pub host: u16,
    /// In the pod.
    pub container: u16,
    /// Whether it is UDP.
    pub udp: bool,
}

/// The backend service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAddress {
    /// `NAME.NAMESPACE.svc.cluster.local`.
    pub fqdn: String,
    /// Its cluster addresses; empty for a headless service.
    pub ips: Vec<IpAddr>,
    /// Its ports, in order.
    pub ports: Vec<ServicePort>,
    /// Whether the service is not served over this version of IP.
    pub absent: bool,
}

/// A port of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePort {
    /// Name, when it has one.
    pub name: Option<String>,
    /// On the cluster address.
    pub port: u16,
    /// In the pods.
    pub target: u16,
    /// On the nodes.
    pub node_port: Option<u16>,
    /// Whether it is UDP.
    pub udp: bool,
}

impl Addresses {
    /// The addresses of this version of IP; none where the cluster does not have it.
    #[must_use]
    pub fn in_family(&self, family: IpFamily) -> Option<&Self> {
        match family {
            IpFamily::Ipv4 => Some(self),
            IpFamily::Ipv6 => self.ipv6.as_deref(),
        }
    }

    /// The port of the service that a path uses: the named one, else the first that fits the protocol.
    ///
    /// A TCP path prefers a port whose target is the echo's stream port, as the HTTP port echoes nothing.
    #[must_use]
    pub fn port(&self, protocol: Protocol, wanted: Option<u16>) -> Option<&ServicePort> {
        let fits = |port: &&ServicePort| port.udp == (protocol == Protocol::Udp);
        let mut fitting = self.service.ports.iter().filter(fits);
        match (wanted, protocol) {
            (Some(wanted), _) => fitting.find(|port| port.port == wanted),
            (None, Protocol::Tcp) => {
                let stream = |port: &&ServicePort| port.target == lab_agent::DEFAULT_STREAM_PORT;
                fitting.clone().find(stream).or_else(|| fitting.next())
            }
            (None, _) => fitting.next(),
        }
    }

    /// Index of the backend pod's node.
    #[must_use]
    pub fn backend_node(&self) -> usize {
        self.pods.first().map_or(0, |pod| pod.node)
    }

    /// Index of the first node that is not the backend pod's.
    #[must_use]
    pub fn remote_node(&self) -> Option<usize> {
        (0..self.nodes.len()).find(|node| *node != self.backend_node())
    }
}
