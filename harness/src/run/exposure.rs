//! Exposure: which ports of the nodes answer from outside.

use std::collections::BTreeSet;

use lab_agent::protocol::{Endpoint, Probe, ProbeKind, ProbeResult};

use crate::{cluster::workload::Addresses, model::Outcome};

/// Ports on which a MicroK8s node listens, and the ingress controller's. Source: MicroK8s' "Services and
/// ports" page: API server, kubelet, controller-manager, scheduler, etcd, kine's dqlite, cluster agent.
const NODE_PORTS: [u16; 9] = [80, 443, 10250, 10257, 10259, 12379, 16443, 19001, 25000];

/// The ports that are looked at: the nodes' own and the backend service's node ports.
#[must_use]
pub fn ports(addresses: &Addresses) -> BTreeSet<u16> {
    let node_ports = addresses.service.ports.iter().filter(|port| !port.udp).filter_map(|port| port.node_port);
    NODE_PORTS.into_iter().chain(node_ports).collect()
}

/// One probe per node and port, with ids from `first` on.
#[must_use]
pub fn probes(addresses: &Addresses, first: u32, timeout_ms: u64) -> Vec<Probe> {
    let ports = ports(addresses);
    let targets = addresses.nodes.iter().flat_map(|node| ports.iter().map(move |port| (node.ip, *port)));
    targets
        .zip(first..)
        .map(|((ip, port), id)| Probe {
            id,
            kind: ProbeKind::Connect { to: Endpoint { host: ip.to_string(), port } },
            timeout_ms,
            expected_pods: Vec::new(),
            repeat: 1,
            ipv6: false,
            source_port: None,
        })
        .collect()
}

/// The ports that answered on any node.
#[must_use]
pub fn open_ports(probes: &[Probe], results: &[ProbeResult]) -> BTreeSet<u16> {
    let open = |id: u32| results.iter().any(|result| result.id == id && result.outcome == Outcome::Ok);
    probes
        .iter()
        .filter(|probe| open(probe.id))
        .filter_map(|probe| match &probe.kind {
            ProbeKind::Connect { to } => Some(to.port),
            _ => None,
        })
        .collect()
}
