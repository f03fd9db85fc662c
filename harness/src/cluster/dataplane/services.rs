//! Services with their addresses, node ports and endpoints.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{
    generate,
    layout::{self, API_SERVICE_IP, DNS_SERVICE_IP},
    state::{Endpoint, Pod, Service, ServicePort},
};
use crate::{
    cluster::manifest::{
        Cidr, ClusterIp, ManifestError, NODE_PORTS, PortRef, Service as Declared, ServicePort as DeclaredPort,
        Transport,
    },
    model::IpFamily,
};

/// Cluster addresses and node ports that are taken.
pub struct Allocator {
    families: Vec<IpFamily>,
    addresses: BTreeSet<IpAddr>,
    node_ports: BTreeSet<(Transport, u16)>,
}

impl Allocator {
    /// Takes what the declared services ask for by number, on a cluster with these versions of IP.
    pub fn new(services: &[Declared], families: &[IpFamily]) -> Result<Self, ManifestError> {
        let addresses = [API_SERVICE_IP, DNS_SERVICE_IP].map(IpAddr::V4).into();
        let mut allocator = Self { families: families.to_vec(), addresses, node_ports: BTreeSet::new() };
        for service in services {
            if let ClusterIp::Fixed(addresses) = &service.cluster_ip {
                for address in addresses {
                    allocator.fix_address(service, *address)?;
                }
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

    fn fix_address(&mut self, service: &Declared, address: IpAddr) -> Result<(), ManifestError> {
        let field = super::field("spec.clusterIP");
        let network = layout::service_cidr(IpFamily::of(address));
        let usable = match address {
            IpAddr::V4(address) => !matches!(address.octets()[3], 0 | 255),
            IpAddr::V6(address) => address.segments()[7] != 0,
        };
        if !network.parse().is_ok_and(|network: Cidr| network.contains(address)) || !usable {
            let message = format!("{address} is not in the service network {network}");
            return Err(service.origin.error(&field, message));
        }
        if !self.addresses.insert(address) {
            return Err(service.origin.error(&field, format!("{address} is taken by another service")));
        }
        Ok(())
    }

    /// The next free cluster address; none when the network is full.
    pub fn address(&mut self, family: IpFamily) -> Option<IpAddr> {
        let address = |last: u8| match family {
            IpFamily::Ipv4 => IpAddr::V4(Ipv4Addr::new(10, 152, 183, last)),
            IpFamily::Ipv6 => IpAddr::V6(Ipv6Addr::new(0xfd98, 0, 0, 0, 0, 0, 0, last.into())),
        };
        let free = (11..=254).map(address).find(|ip| !self.addresses.contains(ip))?;
        self.addresses.insert(free);
        Some(free)
    }

    /// The cluster addresses of a service, one of each of its versions of IP.
    fn cluster_ips(&mut self, declared: &Declared, families: &[IpFamily]) -> Result<Vec<IpAddr>, ManifestError> {
        let fixed: &[IpAddr] = match &declared.cluster_ip {
            ClusterIp::Headless => return Ok(Vec::new()),
            ClusterIp::Fixed(addresses) => addresses,
            ClusterIp::Any => &[],
        };
        let mut addresses = Vec::new();
        for &family in families {
            let own = fixed.iter().copied().find(|address| IpFamily::of(*address) == family);
            let full = || format!("{} has no free address", layout::service_cidr(family));
            let address = own.or_else(|| self.address(family));
            addresses.push(address.ok_or_else(|| declared.origin.error(&super::field("spec.clusterIP"), full()))?);
        }
        Ok(addresses)
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
        let families = declared.families(&self.families);
        let cluster_ips = self.cluster_ips(declared, &families)?;
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
            let endpoints = endpoints((declared, port), &families, behind.iter().map(|&pod| &pods[pod]))?;
            let (name, transport) = (port.name.clone(), port.transport);
            ports.push(ServicePort { name, transport, port: port.port, node_port, endpoints });
        }
        Ok(Service {
            namespace: declared.meta.namespace.clone(),
            name: declared.meta.name.clone(),
            families,
            cluster_ips,
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
    (declared, port): (&Declared, &DeclaredPort),
    families: &[IpFamily],
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
        let Some(port) = number else { continue };
        let addresses = families.iter().filter_map(|family| pod.address(*family));
        endpoints.extend(addresses.map(|ip| Endpoint { ip, port, node: pod.node }));
    }
    if any && endpoints.is_empty() {
        let message = format!("no pod of the service has a {} port named `{}`", port.transport, port.target);
        return Err(declared.origin.error(&port.field.key("targetPort"), message));
    }
    endpoints.sort_unstable();
    Ok(endpoints)
}
