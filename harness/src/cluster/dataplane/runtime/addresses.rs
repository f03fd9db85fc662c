//! From the desired state to what probes aim at.

use std::net::IpAddr;

use crate::{
    cluster::{
        dataplane::{
            INGRESS_PORT, dnsmasq,
            layout::{self, API_PORT, API_SERVICE_IP, DNS_SERVICE_IP},
            state::{self, ClusterState, PodRole},
        },
        manifest::Transport,
        workload::{Addresses, HostPort, NodeAddress, PodAddress, ServiceAddress, ServicePort, SystemPod},
    },
    model::IpFamily,
};

/// Port of the API's service.
const API_SERVICE_PORT: u16 = 443;

const DNS_PORT: u16 = 53;

/// Over IPv4, and over IPv6 where the cluster has it.
pub(super) fn of(state: &ClusterState) -> Addresses {
    let ipv6 = state.families.contains(&IpFamily::Ipv6).then(|| Box::new(in_family(state, IpFamily::Ipv6)));
    Addresses { ipv6, ..in_family(state, IpFamily::Ipv4) }
}

fn in_family(state: &ClusterState, family: IpFamily) -> Addresses {
    let node = |node: &layout::Node| NodeAddress { name: node.name.clone(), ip: node.address(family) };
    Addresses {
        nodes: state.nodes.iter().map(node).collect(),
        pods: state.backend_pods().filter_map(|own| pod(own, family)).collect(),
        service: service(state.backend(), family),
        // The DNS itself and the API's service have IPv4 addresses only.
        dns: Some(IpAddr::V4(DNS_SERVICE_IP)),
        dns_pods: system_pods(state, PodRole::Dns, DNS_PORT, IpFamily::Ipv4),
        ingress_pods: system_pods(state, PodRole::Ingress, INGRESS_PORT, family),
        ingress_port: Some(INGRESS_PORT),
        without_ingress: state.ingresses.is_empty(),
        api_service: (family == IpFamily::Ipv4).then_some((IpAddr::V4(API_SERVICE_IP), API_SERVICE_PORT)),
        api_port: API_PORT,
        ipv6: None,
    }
}

fn system_pods(state: &ClusterState, role: PodRole, port: u16, family: IpFamily) -> Vec<SystemPod> {
    let pods = state.pods.iter().filter(|pod| pod.role == role);
    pods.filter_map(|pod| Some(SystemPod { address: (pod.address(family)?, port).into(), node: pod.node })).collect()
}

fn pod(pod: &state::Pod, family: IpFamily) -> Option<PodAddress> {
    let host_ports = pod.host_ports.iter().map(|port| HostPort {
        host: port.host_port,
        container: port.port,
        udp: port.transport == Transport::Udp,
    });
    let (ip, host_ports) = (pod.address(family)?, host_ports.collect());
    Some(PodAddress { name: pod.name.clone(), ip, node: pod.node, host_ports })
}

fn service(service: &state::Service, family: IpFamily) -> ServiceAddress {
    let ports = service.ports.iter().map(|port| ServicePort {
        name: port.name.clone(),
        port: port.port,
        target: port.endpoints.first().map_or(port.port, |endpoint| endpoint.port),
        node_port: port.node_port,
        udp: port.transport == Transport::Udp,
    });
    ServiceAddress {
        fqdn: dnsmasq::service_name(service),
        ips: service.cluster_ip(family).into_iter().collect(),
        ports: ports.collect(),
        absent: !service.families.contains(&family),
    }
}
