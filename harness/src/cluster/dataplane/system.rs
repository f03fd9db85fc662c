//! What a cluster has of its own: DNS, ingress controllers, probers, and the API server's service.

use super::{
    layout::{API_PORT, API_SERVICE_IP, DNS_SERVICE_IP, Node},
    services::Allocator,
    state::{Endpoint, Pod, PodRole, Service, ServicePort},
};
use crate::{
    cluster::manifest::{Labels, Transport},
    model::IpFamily,
};

/// Port of the ingress controllers, in the pods and on the nodes.
pub const INGRESS_PORT: u16 = 80;

const DNS_PORT: u16 = 53;

/// A system pod that has no address yet.
pub struct SystemPod {
    /// Namespace.
    pub namespace: &'static str,
    /// Name.
    pub name: String,
    /// What it is for.
    pub role: PodRole,
    /// Its node.
    pub node: usize,
}

/// Pods that the manifests' own pods rely on: DNS on the first node, an ingress controller on each.
pub fn pods(nodes: &[Node]) -> Vec<SystemPod> {
    let dns = SystemPod { namespace: "kube-system", name: "coredns".to_owned(), role: PodRole::Dns, node: 0 };
    let ingress = nodes.iter().map(|node| SystemPod {
        namespace: "ingress",
        name: ingress_name(node),
        role: PodRole::Ingress,
        node: node.index,
    });
    std::iter::once(dns).chain(ingress).collect()
}

/// The probing pods: beside the backend, and on another node when there is one.
pub fn probers(nodes: &[Node], backend_node: usize) -> Vec<SystemPod> {
    let prober = |name: &str, role, node| SystemPod { namespace: "pathlab", name: name.to_owned(), role, node };
    let local = prober("probe-local", PodRole::LocalProber, backend_node);
    let other = nodes.iter().find(|node| node.index != backend_node);
    let remote = other.map(|node| prober("probe-remote", PodRole::RemoteProber, node.index));
    std::iter::once(local).chain(remote).collect()
}

/// Labels of a system pod. DNS and ingress have those by which network policies name them on `MicroK8s`.
pub fn labels(pod: &SystemPod) -> Labels {
    let (key, name) = match pod.role {
        PodRole::Dns => ("k8s-app", "kube-dns"),
        PodRole::Ingress => ("name", "nginx-ingress-microk8s"),
        _ => ("app", pod.name.as_str()),
    };
    Labels::from([(key.to_owned(), name.to_owned())])
}

/// The services of the system pods and of the API server.
///
/// Each node has an ingress service of its own, whose external address is the node's: what comes to a node
/// goes to the controller on that node, as with the host port of a `DaemonSet`, but by rules that kube-proxy
/// re-syncs.
pub fn services(nodes: &[Node], pods: &[Pod], allocator: &mut Allocator, families: &[IpFamily]) -> Vec<Service> {
    let mut services = vec![api_server(&nodes[0])];
    for (index, pod) in pods.iter().enumerate() {
        match pod.role {
            PodRole::Dns => services.push(dns(pod, index)),
            PodRole::Ingress => services.extend(ingress((&nodes[pod.node], pod, index), allocator, families)),
            _ => {}
        }
    }
    services
}

fn ingress_name(node: &Node) -> String {
    format!("ingress-{}", node.name)
}

fn api_server(node: &Node) -> Service {
    let endpoint = Endpoint { ip: node.ip.into(), port: API_PORT, node: node.index };
    Service {
        cluster_ips: vec![API_SERVICE_IP.into()],
        ports: vec![port("https", Transport::Tcp, 443, vec![endpoint])],
        ..bare("default", "kubernetes")
    }
}

/// As on a dual-stack cluster of `MicroK8s`, the DNS has an IPv4 address only.
fn dns(pod: &Pod, index: usize) -> Service {
    let endpoint = vec![Endpoint { ip: pod.ip.into(), port: DNS_PORT, node: pod.node }];
    Service {
        cluster_ips: vec![DNS_SERVICE_IP.into()],
        ports: vec![
            port("dns", Transport::Udp, DNS_PORT, endpoint.clone()),
            port("dns-tcp", Transport::Tcp, DNS_PORT, endpoint),
        ],
        pods: vec![index],
        ..bare("kube-system", "kube-dns")
    }
}

fn ingress(
    (node, pod, index): (&Node, &Pod, usize),
    allocator: &mut Allocator,
    families: &[IpFamily],
) -> Option<Service> {
    let endpoints = families.iter().filter_map(|family| pod.address(*family));
    let endpoints = endpoints.map(|ip| Endpoint { ip, port: INGRESS_PORT, node: pod.node }).collect();
    Some(Service {
        families: families.to_vec(),
        cluster_ips: families.iter().map(|family| allocator.address(*family)).collect::<Option<_>>()?,
        external_ips: families.iter().map(|family| node.address(*family)).collect(),
        external_local: true,
        ports: vec![port("http", Transport::Tcp, INGRESS_PORT, endpoints)],
        pods: vec![index],
        ..bare("ingress", &ingress_name(node))
    })
}

fn port(name: &str, transport: Transport, number: u16, endpoints: Vec<Endpoint>) -> ServicePort {
    ServicePort { name: Some(name.to_owned()), transport, port: number, node_port: None, endpoints }
}

fn bare(namespace: &str, name: &str) -> Service {
    Service {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        families: vec![IpFamily::Ipv4],
        cluster_ips: Vec::new(),
        external_ips: Vec::new(),
        ports: Vec::new(),
        external_local: false,
        internal_local: false,
        affinity: None,
        pods: Vec::new(),
    }
}
