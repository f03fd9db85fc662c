//! From the desired state to what probes aim at.

use std::net::IpAddr;

use crate::cluster::{
    dataplane::{
        INGRESS_PORT, dnsmasq,
        layout::{API_PORT, API_SERVICE_IP, DNS_SERVICE_IP},
        state::{self, ClusterState, PodRole},
    },
    manifest::Transport,
    workload::{Addresses, HostPort, NodeAddress, PodAddress, ServiceAddress, ServicePort, SystemPod},
};

/// Port of the API's service.
const API_SERVICE_PORT: u16 = 443;

const DNS_PORT: u16 = 53;

pub(super) fn of(state: &ClusterState) -> Addresses {
    Addresses {
        nodes: state
            .nodes
            .iter()
            .map(|node| NodeAddress { name: node.name.clone(), ip: IpAddr::V4(node.ip) })
            .collect(),
        pods: state.backend_pods().map(pod).collect(),
        service: service(state.backend()),
        dns: Some(IpAddr::V4(DNS_SERVICE_IP)),
        dns_pods: system_pods(state, PodRole::Dns, DNS_PORT),
        ingress_pods: system_pods(state, PodRole::Ingress, INGRESS_PORT),
        ingress_port: Some(INGRESS_PORT),
        api_service: Some((IpAddr::V4(API_SERVICE_IP), API_SERVICE_PORT)),
        api_port: API_PORT,
    }
}

fn system_pods(state: &ClusterState, role: PodRole, port: u16) -> Vec<SystemPod> {
    let pods = state.pods.iter().filter(|pod| pod.role == role);
    pods.map(|pod| SystemPod { address: (pod.ip, port).into(), node: pod.node }).collect()
}

fn pod(pod: &state::Pod) -> PodAddress {
    let host_ports = pod.host_ports.iter().map(|port| HostPort {
        host: port.host_port,
        container: port.port,
        udp: port.transport == Transport::Udp,
    });
    PodAddress { name: pod.name.clone(), ip: IpAddr::V4(pod.ip), node: pod.node, host_ports: host_ports.collect() }
}

fn service(service: &state::Service) -> ServiceAddress {
    let ports = service.ports.iter().map(|port| ServicePort {
        name: port.name.clone(),
        port: port.port,
        target: port.endpoints.first().map_or(port.port, |endpoint| endpoint.port),
        node_port: port.node_port,
        udp: port.transport == Transport::Udp,
    });
    ServiceAddress {
        fqdn: dnsmasq::service_name(service),
        ips: service.cluster_ip.map(IpAddr::V4).into_iter().collect(),
        ports: ports.collect(),
    }
}
