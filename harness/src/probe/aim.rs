//! From an access path to a probe: which address, which port, whose answer is right.

use std::net::{IpAddr, SocketAddr};

use lab_agent::protocol::{Endpoint, Probe, ProbeKind};

use crate::{
    catalog::scenario::PathSpec,
    cluster::workload::{Addresses, PodAddress, ServiceAddress},
    model::{IpFamily, Payload, Protocol, Target, Vantage},
};

/// Bytes of a large body: enough for dozens of packets on any MTU.
const LARGE_STREAM: usize = 64 << 10;

/// Bytes of a large datagram: several fragments on an Ethernet MTU.
const LARGE_DATAGRAM: usize = 4 << 10;

/// Why a path cannot be aimed in this cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AimError(String);

/// The probe for a path.
///
/// # Errors
/// When the cluster does not have what the path aims at: no node port, no second node.
pub fn aim(spec: &PathSpec, addresses: &Addresses, id: u32, timeout_ms: u64) -> Result<Probe, AimError> {
    let family = spec.path.family;
    let addresses =
        addresses.in_family(family).ok_or_else(|| missing(&format!("the cluster has no {}", version(family))))?;
    let aim = Aim { spec, addresses };
    let (kind, expected_pods) = aim.kind()?;
    Ok(Probe {
        id,
        kind,
        timeout_ms,
        expected_pods,
        repeat: spec.repeat,
        ipv6: family == IpFamily::Ipv6,
        source_port: None,
    })
}

struct Aim<'a> {
    spec: &'a PathSpec,
    addresses: &'a Addresses,
}

impl Aim<'_> {
    fn kind(&self) -> Result<(ProbeKind, Vec<String>), AimError> {
        let pod = self.addresses.pods.first().ok_or_else(|| missing("the backend service has no pod"))?;
        let all = || self.addresses.pods.iter().map(|pod| pod.name.clone()).collect();
        Ok(match self.spec.path.to {
            Target::PodIp => (self.exchange(pod.ip.to_string(), self.port()?.target), vec![pod.name.clone()]),
            Target::Service => (self.exchange(self.service_ip()?.to_string(), self.port()?.port), all()),
            Target::ServiceDns => (self.exchange(self.service()?.fqdn.clone(), self.port()?.port), all()),
            Target::NodePort => self.node_port(self.addresses.backend_node())?,
            Target::RemoteNodePort => {
                let remote = self.addresses.remote_node().ok_or_else(|| missing("the cluster has one node"))?;
                self.node_port(remote)?
            }
            Target::HostPort => self.host_port(pod)?,
            Target::Ingress => {
                let port = self.addresses.ingress_port.ok_or_else(|| missing("the cluster has no ingress"))?;
                if self.addresses.without_ingress {
                    return Err(missing("the manifests have no Ingress, so the ingress has nowhere to send a request"));
                }
                (self.exchange(self.node_ip(self.addresses.backend_node())?.to_string(), port), all())
            }
            Target::Dns => (self.dns()?, Vec::new()),
            Target::ApiServer => (ProbeKind::Connect { to: self.api_server()? }, Vec::new()),
        })
    }

    fn exchange(&self, host: String, port: u16) -> ProbeKind {
        let to = Endpoint { host, port };
        let large = self.spec.path.payload == Payload::Large;
        let stream = if large { LARGE_STREAM } else { 0 };
        match self.spec.path.protocol {
            Protocol::Http => {
                let http = &self.spec.http;
                ProbeKind::Http { to, path: http.path.clone(), host: http.host.clone(), bytes: stream }
            }
            Protocol::Tcp => ProbeKind::Tcp { to, bytes: stream },
            Protocol::Udp => ProbeKind::Udp { to, bytes: if large { LARGE_DATAGRAM } else { 0 } },
        }
    }

    fn port(&self) -> Result<&crate::cluster::workload::ServicePort, AimError> {
        let protocol = self.spec.path.protocol;
        let wanted = self.spec.port;
        self.addresses.port(protocol, wanted).ok_or_else(|| {
            let number = wanted.map(|port| format!(" {port}")).unwrap_or_default();
            let transport = if protocol == Protocol::Udp { "UDP" } else { "TCP" };
            missing(&format!("service {} has no {transport} port{number}", self.addresses.service.fqdn))
        })
    }

    fn service(&self) -> Result<&ServiceAddress, AimError> {
        let service = &self.addresses.service;
        if service.absent {
            let version = version(self.spec.path.family);
            let other =
                IpFamily::ALL.iter().find(|family| **family != self.spec.path.family).copied().unwrap_or_default();
            return Err(missing(&format!("service {} has no {version} address: use `family: {other}`", service.fqdn)));
        }
        Ok(service)
    }

    fn service_ip(&self) -> Result<IpAddr, AimError> {
        let first = self.service()?.ips.first().copied();
        first.ok_or_else(|| missing("the service is headless: aim at service-dns or pod-ip"))
    }

    fn node_ip(&self, node: usize) -> Result<IpAddr, AimError> {
        self.addresses.nodes.get(node).map(|node| node.ip).ok_or_else(|| missing("the cluster has no such node"))
    }

    fn node_port(&self, node: usize) -> Result<(ProbeKind, Vec<String>), AimError> {
        self.service()?;
        let port = self.port()?.node_port.ok_or_else(|| missing("the service has no node port"))?;
        let expected = self.addresses.pods.iter().map(|pod| pod.name.clone()).collect();
        Ok((self.exchange(self.node_ip(node)?.to_string(), port), expected))
    }

    fn host_port(&self, pod: &PodAddress) -> Result<(ProbeKind, Vec<String>), AimError> {
        let udp = self.spec.path.protocol == Protocol::Udp;
        let port = pod.host_ports.iter().find(|port| port.udp == udp && self.spec.port.is_none_or(|n| n == port.host));
        let port = port.ok_or_else(|| missing(&format!("pod {} has no such host port", pod.name)))?;
        Ok((self.exchange(self.node_ip(pod.node)?.to_string(), port.host), vec![pod.name.clone()]))
    }

    fn dns(&self) -> Result<ProbeKind, AimError> {
        let server = self.addresses.dns.ok_or_else(|| missing("the cluster has no DNS"))?;
        let service = self.service()?;
        let expected = if service.ips.is_empty() {
            self.addresses.pods.iter().map(|pod| pod.ip).collect()
        } else {
            service.ips.clone()
        };
        Ok(ProbeKind::Dns {
            server: Some(SocketAddr::new(server, 53)),
            tcp: self.spec.path.protocol != Protocol::Udp,
            name: format!("{}.", service.fqdn),
            expected,
        })
    }

    /// Pods reach the API through its service, hosts on the first node's own address.
    fn api_server(&self) -> Result<Endpoint, AimError> {
        let from_pod =
            matches!(self.spec.path.from, Vantage::Pod | Vantage::RemotePod | Vantage::Backend | Vantage::Ingress);
        let (ip, port) = if from_pod {
            self.addresses.api_service.ok_or_else(|| missing("the cluster has no service for its API"))?
        } else {
            (self.node_ip(0)?, self.addresses.api_port)
        };
        Ok(Endpoint { host: ip.to_string(), port })
    }
}

const fn version(family: IpFamily) -> &'static str {
    match family {
        IpFamily::Ipv4 => "IPv4",
        IpFamily::Ipv6 => "IPv6",
    }
}

fn missing(what: &str) -> AimError {
    AimError(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Addresses, aim};
    use crate::{
        catalog::scenario::{Expect, ExpectedSource, HttpRequest, PathSpec},
        cluster::workload::{NodeAddress, PodAddress, ServiceAddress, ServicePort},
    };

    fn addresses(without_ingress: bool) -> Addresses {
        let port = ServicePort { name: None, port: 80, target: 8080, node_port: None, udp: false };
        let ip = std::net::IpAddr::from([10, 1, 0, 12]);
        Addresses {
            nodes: vec![NodeAddress { name: "node-1".to_owned(), ip }],
            pods: vec![PodAddress { name: "web".to_owned(), ip, node: 0, host_ports: Vec::new() }],
            service: ServiceAddress { ports: vec![port], ..ServiceAddress::default() },
            ingress_port: Some(80),
            without_ingress,
            ..Addresses::default()
        }
    }

    #[test]
    fn an_ingress_without_an_ingress_is_no_target() {
        let spec = PathSpec {
            path: "outside-to-ingress".parse().expect("a path"),
            port: None,
            http: HttpRequest { path: "/".to_owned(), host: None },
            repeat: 1,
            expect: Expect::Ok(ExpectedSource::Any),
            place: (0, 0).into(),
        };
        assert!(aim(&spec, &addresses(false), 0, 1000).is_ok());
        let refused = aim(&spec, &addresses(true), 0, 1000).expect_err("nothing is behind it");
        assert!(refused.to_string().starts_with("the manifests have no Ingress"), "{refused}");
    }
}
