//! The cluster's state as its API reports it, in the words of the embedded cluster: policies, names and the ingress
//! controllers' configuration are then written by the same code.

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    catalog::scenario::Backend,
    cluster::{
        dataplane::{
            ClusterState, Endpoint, Node, Pod, PodRole, Service, ServicePort, policies,
            runtime::node_specs,
            state::{Container, HostPort, NamedPort},
        },
        kube::{Inventory, SeenPod, SeenPort, SeenService},
        manifest::{Objects, Transport},
    },
    model::IpFamily,
    plan::ClusterPlan,
};

/// Services that are the lab's own and have no name in the cluster's DNS.
const UNNAMED: (&str, &str) = ("kube-system", super::rules::POKE);

/// What is known before the API has reported anything: nodes, and what the lab carries out itself.
#[must_use]
pub fn before(plan: &ClusterPlan, objects: &Objects) -> ClusterState {
    let specs = node_specs(plan);
    ClusterState {
        nodes: specs.iter().enumerate().map(|(index, spec)| Node::new(index, spec)).collect(),
        underlay_mtu: plan.scenario.underlay.host_mtu(),
        families: vec![IpFamily::Ipv4],
        pods: Vec::new(),
        services: Vec::new(),
        ingresses: objects.ingresses.clone(),
        policies: Vec::new(),
        backend: 0,
    }
}

/// The observed state. `before` gives what does not come from the API: nodes, MTU, versions of IP.
#[must_use]
pub fn state(before: &ClusterState, objects: &Objects, backend: &Backend, seen: &Inventory) -> ClusterState {
    let pods: Vec<Pod> = seen.pods.iter().filter_map(|pod| self::pod(pod, &before.nodes)).collect();
    let named = |service: &&SeenService| (service.namespace.as_str(), service.name.as_str()) != UNNAMED;
    let services: Vec<Service> =
        seen.services.iter().filter(named).map(|service| self::service(service, &pods)).collect();
    let is_backend = |service: &Service| service.namespace == backend.namespace && service.name == backend.service;
    ClusterState {
        nodes: before.nodes.clone(),
        underlay_mtu: before.underlay_mtu,
        families: before.families.clone(),
        backend: services.iter().position(is_backend).unwrap_or_default(),
        policies: policies::resolve(objects, &pods),
        ingresses: before.ingresses.clone(),
        services,
        pods,
    }
}

fn pod(seen: &SeenPod, nodes: &[Node]) -> Option<Pod> {
    let node = nodes.iter().find(|node| node.name == seen.node)?.index;
    let ip = seen.ips.iter().find_map(|ip| if let IpAddr::V4(ip) = ip { Some(*ip) } else { None })?;
    // A pod of the node's own network is the node.
    if ip == nodes[node].ip {
        return None;
    }
    let ports = seen.ports.iter().map(|port| NamedPort {
        name: port.name.clone(),
        port: port.port,
        transport: transport(port),
    });
    let host_ports = seen.ports.iter().filter_map(|port| {
        Some(HostPort { transport: transport(port), host_port: port.node_port?, host_ip: None, port: port.port })
    });
    let container =
        Container { name: String::new(), args: Vec::new(), env: Vec::new(), files: Vec::new(), ports: ports.collect() };
    Some(Pod {
        namespace: seen.namespace.clone(),
        name: seen.name.clone(),
        labels: seen.labels.clone(),
        role: role(seen),
        node,
        ip,
        ip6: None,
        containers: vec![container],
        host_ports: host_ports.collect(),
    })
}

fn role(pod: &SeenPod) -> PodRole {
    match (pod.namespace.as_str(), pod.name.as_str()) {
        ("kube-system", name) if name.starts_with("coredns") => PodRole::Dns,
        ("ingress", _) => PodRole::Ingress,
        ("pathlab", "probe-local") => PodRole::LocalProber,
        ("pathlab", "probe-remote") => PodRole::RemoteProber,
        _ => PodRole::Workload,
    }
}

fn service(seen: &SeenService, pods: &[Pod]) -> Service {
    let index_of = |ip: IpAddr| pods.iter().position(|pod| IpAddr::V4(pod.ip) == ip);
    let ports = seen.ports.iter().map(|port| {
        let same = |other: &&SeenPort| other.name == port.name && other.udp == port.udp;
        let behind = seen.endpoints.iter().filter_map(|(ip, ports)| {
            let node = index_of(*ip).map_or(0, |pod| pods[pod].node);
            Some(Endpoint { ip: *ip, port: ports.iter().find(same)?.port, node })
        });
        ServicePort {
            name: port.name.clone(),
            transport: transport(port),
            port: port.port,
            node_port: port.node_port,
            endpoints: behind.collect(),
        }
    });
    Service {
        namespace: seen.namespace.clone(),
        name: seen.name.clone(),
        families: vec![IpFamily::Ipv4],
        cluster_ips: seen.ips.clone(),
        external_ips: Vec::new(),
        ports: ports.collect(),
        external_local: false,
        internal_local: false,
        affinity: None,
        pods: seen.endpoints.iter().filter_map(|(ip, _)| index_of(*ip)).collect(),
    }
}

const fn transport(port: &SeenPort) -> Transport {
    if port.udp { Transport::Udp } else { Transport::Tcp }
}

/// The DNS pod before it has an address: it listens on all that it will have.
#[must_use]
pub fn dns_pod_to_be() -> Pod {
    Pod {
        namespace: "kube-system".to_owned(),
        name: "coredns".to_owned(),
        labels: std::collections::BTreeMap::new(),
        role: PodRole::Dns,
        node: 0,
        ip: Ipv4Addr::UNSPECIFIED,
        ip6: None,
        containers: Vec::new(),
        host_ports: Vec::new(),
    }
}
