//! The desired state of a cluster: what runs where, with which address, behind which service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use camino::Utf8PathBuf;

use super::{
    layout::{self, Node},
    policies::Policy,
};
use crate::{
    cluster::manifest::{Ingress, Labels, Transport},
    model::IpFamily,
};

/// All that the cluster is to be, system pods included.
#[derive(Clone, Debug)]
pub struct ClusterState {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// MTU of the nodes' interfaces on the underlay, in bytes; Calico goes by it.
    pub underlay_mtu: u16,
    /// The versions of IP that the cluster has: IPv4, and IPv6 where something asks for it.
    pub families: Vec<IpFamily>,
    /// The pods, in the order in which they get their addresses.
    pub pods: Vec<Pod>,
    /// The services, those of the manifests first.
    pub services: Vec<Service>,
    /// The ingresses, in the order of the manifests.
    pub ingresses: Vec<Ingress>,
    /// The network policies, in the order of the manifests.
    pub policies: Vec<Policy>,
    /// The scenario's backend service, an index into `services`.
    pub backend: usize,
}

/// One pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name, the pod's host name as well.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// What it is for.
    pub role: PodRole,
    /// Its node, an index into [`ClusterState::nodes`].
    pub node: usize,
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its IPv6 address, on a dual-stack cluster.
    pub ip6: Option<Ipv6Addr>,
    /// The agents to run in it; empty but for the manifests' own pods.
    pub containers: Vec<Container>,
    /// Ports of the node that lead to it.
    pub host_ports: Vec<HostPort>,
}

/// What a pod is for, and so what runs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PodRole {
    /// A pod of the manifests: the agent, once per container.
    Workload,
    /// The cluster's DNS: dnsmasq with [`super::dnsmasq::files`].
    Dns,
    /// The ingress controller of its node: nginx with [`super::nginx::config`].
    Ingress,
    /// The prober of vantage `pod`: an agent on the backend's node.
    LocalProber,
    /// The prober of vantage `remote-pod`: an agent on another node.
    RemoteProber,
}

/// One container of a pod, all references resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Name, unique within the pod.
    pub name: String,
    /// Arguments of the agent.
    pub args: Vec<String>,
    /// Environment, no name twice.
    pub env: Vec<(String, String)>,
    /// Files of `ConfigMap` volumes.
    pub files: Vec<File>,
    /// Ports, by name where they have one.
    pub ports: Vec<NamedPort>,
}

/// A file in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Absolute path.
    pub path: Utf8PathBuf,
    /// Content.
    pub content: Vec<u8>,
    /// Mode, as in `chmod`.
    pub mode: u32,
}

/// A port that a container declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPort {
    /// Its name.
    pub name: Option<String>,
    /// The number.
    pub port: u16,
    /// TCP or UDP.
    pub transport: Transport,
}

/// A port of a node that leads to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// TCP or UDP.
    pub transport: Transport,
    /// The node's port.
    pub host_port: u16,
    /// The node's address; none means every one.
    pub host_ip: Option<Ipv4Addr>,
    /// The pod's port.
    pub port: u16,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The versions of IP that it has; the first is its own.
    pub families: Vec<IpFamily>,
    /// Cluster addresses, one of each version; empty for a headless service.
    pub cluster_ips: Vec<IpAddr>,
    /// Other addresses under which it is reached.
    pub external_ips: Vec<IpAddr>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// Traffic from outside goes to pods of the same node only.
    pub external_local: bool,
    /// Traffic from inside goes to pods of the same node only.
    pub internal_local: bool,
    /// Seconds for which a client stays with its pod.
    pub affinity: Option<u32>,
    /// The pods behind it, indices into [`ClusterState::pods`].
    pub pods: Vec<usize>,
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name.
    pub name: Option<String>,
    /// TCP or UDP.
    pub transport: Transport,
    /// The number.
    pub port: u16,
    /// The node port.
    pub node_port: Option<u16>,
    /// Where its connections go, in every version of IP that the service has.
    pub endpoints: Vec<Endpoint>,
}

/// Where a connection to a service goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
    /// The node where it is, an index into [`ClusterState::nodes`].
    pub node: usize,
}

impl ClusterState {
    /// MTU of the pods' links and of the VXLAN device.
    #[must_use]
    pub fn pod_mtu(&self) -> u16 {
        let family = if self.families.contains(&IpFamily::Ipv6) { IpFamily::Ipv6 } else { IpFamily::Ipv4 };
        layout::pod_mtu(self.underlay_mtu, family)
    }

    /// The service whose pods answer.
    #[must_use]
    pub fn backend(&self) -> &Service {
        &self.services[self.backend]
    }

    /// The pods that are right to answer; never empty.
    pub fn backend_pods(&self) -> impl Iterator<Item = &Pod> {
        self.backend().pods.iter().map(|&pod| &self.pods[pod])
    }

    /// The node that "remote" is seen from: that of the first backend pod.
    #[must_use]
    pub fn backend_node(&self) -> &Node {
        &self.nodes[self.pods[self.backend().pods[0]].node]
    }

    /// The pods of a node.
    pub fn pods_on(&self, node: usize) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(move |pod| pod.node == node)
    }

    /// The first pod with this role.
    #[must_use]
    pub fn pod(&self, role: PodRole) -> Option<&Pod> {
        self.pods.iter().find(|pod| pod.role == role)
    }

    /// The ingress controller's pod on a node.
    #[must_use]
    pub fn ingress_pod(&self, node: usize) -> Option<&Pod> {
        self.pods_on(node).find(|pod| pod.role == PodRole::Ingress)
    }

    /// A service by namespace and name.
    #[must_use]
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.namespace == namespace && service.name == name)
    }
}

impl Pod {
    /// Name of the node's end of the pod's link.
    #[must_use]
    pub fn interface(&self) -> String {
        layout::pod_interface(&self.namespace, &self.name)
    }

    /// Its address in this version of IP.
    #[must_use]
    pub fn address(&self, family: IpFamily) -> Option<IpAddr> {
        match family {
            IpFamily::Ipv4 => Some(IpAddr::V4(self.ip)),
            IpFamily::Ipv6 => self.ip6.map(IpAddr::V6),
        }
    }
}

impl Service {
    /// `NAMESPACE/NAME`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Its cluster address in this version of IP.
    #[must_use]
    pub fn cluster_ip(&self, family: IpFamily) -> Option<IpAddr> {
        self.cluster_ips.iter().copied().find(|address| IpFamily::of(*address) == family)
    }
}

impl ServicePort {
    /// Where its connections in this version of IP go.
    pub fn endpoints_in(&self, family: IpFamily) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().filter(move |endpoint| IpFamily::of(endpoint.ip) == family)
    }
}

impl Endpoint {
    /// Address and port.
    #[must_use]
    pub const fn socket(self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }
}
