//! Services with their addresses, node ports and endpoints.

use std::{collections::BTreeSet, net::Ipv4Addr};

use super::{
    generate,
    layout::{API_SERVICE_IP, DNS_SERVICE_IP, SERVICE_CIDR},
    state::{Endpoint, Pod, Service, ServicePort},
};
use crate::cluster::manifest::{
    ClusterIp, ManifestError, NODE_PORTS, PortRef, Service as Declared, ServicePort as DeclaredPort, Transport,
};

/// Cluster addresses and node ports that are taken.
#[derive(Default)]
pub struct Allocator {
    addresses: BTreeSet<Ipv4Addr>,
    node_ports: BTreeSet<(Transport, u16)>,
}

impl Allocator {
    /// Takes what the declared services ask for by number.
    pub fn new(services: &[Declared]) -> Result<Self, ManifestError> {
        let mut allocator = Self::default();
        allocator.addresses.extend([API_SERVICE_IP, DNS_SERVICE_IP]);
        for service in services {
            if let ClusterIp::Fixed(address) = service.cluster_ip {
                allocator.fix_address(service, address)?;
            }
            for port in &service.ports {
                let Some(number) = port.node_port else { continue };
                if !allocator.node_ports.insert((port.transport, number)) {
                    let message = format!("node port {number} is taken by another service");
                    return Err(service.origin.error(&port.field.key("nodePort"), message));
                }
            }
        }
        Ok(allocator)
    }

    fn fix_address(&mut self, service: &Declared, address: Ipv4Addr) -> Result<(), ManifestError> {
        let field = super::field("spec.clusterIP");
        let [a, b, c, last] = address.octets();
        if [a, b, c] != [10, 152, 183] || matches!(last, 0 | 255) {
            let message = format!("{address} is not in the service network {SERVICE_CIDR}");
            return Err(service.origin.error(&field, message));
        }
        if !self.addresses.insert(address) {
            return Err(service.origin.error(&field, format!("{address} is taken by another service")));
        }
        Ok(())
    }

    /// The next free cluster address; none when the network is full.
    pub fn address(&mut self) -> Option<Ipv4Addr> {
        let free = (11..=254).map(|last| Ipv4Addr::new(10, 152, 183, last)).find(|ip| !self.addresses.contains(ip))?;
        self.addresses.insert(free);
        Some(free)
    }

    /// A free node port: always the same for the same service.
    fn node_port(&mut self, seed: &str, transport: Transport) -> Option<u16> {
        let range = NODE_PORTS.end() - NODE_PORTS.start() + 1;
        let first = generate::number(seed, range);
        let free = (0..range)
            .map(|offset| NODE_PORTS.start() + (first + offset) % range)
            .find(|port| !self.node_ports.contains(&(transport, *port)))?;
        self.node_ports.insert((transport, free));
        Some(free)
    }

    /// The service as the cluster has it.
    pub fn service(&mut self, declared: &Declared, pods: &[Pod]) -> Result<Service, ManifestError> {
        let cluster_ip = match declared.cluster_ip {
            ClusterIp::Headless => None,
            ClusterIp::Fixed(address) => Some(address),
            ClusterIp::Any => Some(self.address().ok_or_else(|| {
                declared.origin.error(&super::field("spec.clusterIP"), format!("{SERVICE_CIDR} has no free address"))
            })?),
        };
        let behind: Vec<usize> = match &declared.selector {
            Some(selector) => (0..pods.len())
                .filter(|&pod| pods[pod].namespace == declared.meta.namespace && selector.matches(&pods[pod].labels))
                .collect(),
            None => Vec::new(),
        };
        let mut ports = Vec::new();
        for port in &declared.ports {
            let seed = format!("{}:{}", declared.meta.full_name(), port.port);
            let node_port =
                match port.node_port {
                    None if declared.node_ports => Some(self.node_port(&seed, port.transport).ok_or_else(|| {
                        declared.origin.error(&port.field.key("nodePort"), "there is no free node port")
                    })?),
                    fixed => fixed,
                };
            let endpoints = endpoints(declared, port, behind.iter().map(|&pod| &pods[pod]))?;
            let (name, transport) = (port.name.clone(), port.transport);
            ports.push(ServicePort { name, transport, port: port.port, node_port, endpoints });
        }
        Ok(Service {
            namespace: declared.meta.namespace.clone(),
            name: declared.meta.name.clone(),
            cluster_ip,
            external_ips: declared.external_ips.clone(),
            ports,
            external_local: declared.external_local,
            internal_local: declared.internal_local,
            affinity: declared.affinity,
            pods: behind,
        })
    }
}

fn endpoints<'a>(
    declared: &Declared,
    port: &DeclaredPort,
    pods: impl Iterator<Item = &'a Pod>,
) -> Result<Vec<Endpoint>, ManifestError> {
    let (mut endpoints, mut any) = (Vec::new(), false);
    for pod in pods {
        any = true;
        let number = match &port.target {
            PortRef::Number(number) => Some(*number),
            PortRef::Name(name) => pod
                .containers
                .iter()
                .flat_map(|container| &container.ports)
                .find(|own| own.name.as_ref() == Some(name) && own.transport == port.transport)
                .map(|own| own.port),
        };
        endpoints.extend(number.map(|port| Endpoint { ip: pod.ip, port, node: pod.node }));
    }
    if any && endpoints.is_empty() {
        let message = format!("no pod of the service has a {} port named `{}`", port.transport, port.target);
        return Err(declared.origin.error(&port.field.key("targetPort"), message));
    }
    endpoints.sort_unstable();
    Ok(endpoints)
}
