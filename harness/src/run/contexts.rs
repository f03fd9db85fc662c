//! From an observed case to what a diagnosis has to know of it.

use std::net::{IpAddr, SocketAddr};

use lab_agent::protocol::{Endpoint, ProbeKind, ProbeResult};

use super::observation::CaseObservation;
use crate::{
    cluster::workload::{Addresses, PodAddress, SystemPod, Workload},
    diagnose::{CaseContext, NameServer, PodEndpoint, Source, Transport},
    model::{AccessPath, IpFamily, Outcome, Payload, Protocol, Target, Vantage},
    plan::ClusterPlan,
    probe::aim,
};

/// Port of name servers.
const DNS_PORT: u16 = 53;

/// The context of the case at `index`; none when it was not observed.
pub(super) fn of(
    plan: &ClusterPlan,
    workload: &Workload,
    seen: &[CaseObservation],
    index: usize,
) -> Option<CaseContext> {
    let case = &plan.cases[index];
    let last = &seen[index].deciding().next_back()?.result;
    let path = case.spec.path;
    let kind = aim(&case.spec, &workload.addresses, 0, 0).ok()?.kind;
    let addresses = workload.addresses.in_family(path.family)?;
    let destination = last.peer_addr.or_else(|| destination(&kind, addresses))?;
    let ok = |wanted: AccessPath| outcome_of(plan, seen, wanted).map(|outcome| outcome == Outcome::Ok);
    Some(CaseContext {
        case: case.id.clone(),
        distros: plan.machines.iter().map(|distro| distro.id.clone()).collect(),
        path,
        transport: if path.protocol == Protocol::Udp { Transport::Udp } else { Transport::Tcp },
        outcome: last.outcome,
        repeat: case.spec.repeat,
        source: source(path, workload, last),
        destination,
        backends: all_backends(path, case.spec.port, addresses, workload),
        upstream: (path.to == Target::Ingress).then(|| backend_pods(path.protocol, None, upstream_of(workload))),
        dns: (path.to == Target::ServiceDns).then(|| name_server(addresses)).flatten(),
        service_path_ok: ok(AccessPath { to: Target::Service, payload: Payload::Small, ..path }).unwrap_or(false),
        small_path_ok: match path.payload {
            Payload::Large => ok(AccessPath { payload: Payload::Small, ..path }),
            Payload::Small => None,
        },
    })
}

fn outcome_of(plan: &ClusterPlan, seen: &[CaseObservation], wanted: AccessPath) -> Option<Outcome> {
    let index = plan.cases.iter().position(|case| case.spec.path == wanted)?;
    seen[index].outcome()
}

/// The addresses by which the ingress connects to pods: those of the service's own version of IP.
fn upstream_of(workload: &Workload) -> &Addresses {
    let ipv4 = &workload.addresses;
    if ipv4.service.absent { ipv4.in_family(IpFamily::Ipv6).unwrap_or(ipv4) } else { ipv4 }
}

fn source(path: AccessPath, workload: &Workload, last: &ProbeResult) -> Source {
    let (addresses, from) = (&workload.addresses, path.from);
    let (machine, pod) = match from {
        Vantage::Node => (Some(addresses.backend_node()), false),
        Vantage::RemoteNode => (addresses.remote_node(), false),
        Vantage::Pod | Vantage::Backend | Vantage::Ingress => (Some(addresses.backend_node()), true),
        Vantage::RemotePod => (addresses.remote_node(), true),
        Vantage::Outside => (None, false),
    };
    let own = workload.agents.get(&from).map(|agent| agent.address);
    // The name server is asked over IPv4, whatever is asked for.
    let asked = path.to == Target::Dns || last.outcome == Outcome::DnsFailed;
    let family = if asked { IpFamily::Ipv4 } else { path.family };
    let own = own.filter(|address| IpFamily::of(*address) == family);
    // What the kernel chose, where the agent is not known by an address of this version of IP.
    let chosen = || last.local_addr.map(|address| address.ip()).filter(|address| !address.is_unspecified());
    Source { machine, pod, address: own.or_else(chosen) }
}

/// Where a probe goes that never got as far as an address.
fn destination(kind: &ProbeKind, addresses: &Addresses) -> Option<SocketAddr> {
    let of = |to: &Endpoint| {
        let ip: Option<IpAddr> = to.host.parse().ok().or_else(|| addresses.service.ips.first().copied());
        Some(SocketAddr::new(ip?, to.port))
    };
    match kind {
        ProbeKind::Http { to, .. }
        | ProbeKind::Tcp { to, .. }
        | ProbeKind::Udp { to, .. }
        | ProbeKind::Connect { to } => of(to),
        ProbeKind::Dns { server, .. } => *server,
    }
}

/// With the addresses from which an ingress connects to pods, where they are of another version of IP.
fn all_backends(path: AccessPath, port: Option<u16>, addresses: &Addresses, workload: &Workload) -> Vec<PodEndpoint> {
    let mut all = backends(path, port, addresses);
    if path.to == Target::Ingress && path.family == IpFamily::Ipv6 {
        all.extend(backends(path, port, upstream_of(workload)));
        all.dedup();
    }
    all
}

fn backends(path: AccessPath, port: Option<u16>, addresses: &Addresses) -> Vec<PodEndpoint> {
    match path.to {
        Target::PodIp => backend_pods(path.protocol, port, addresses).into_iter().take(1).collect(),
        Target::Service | Target::ServiceDns | Target::NodePort | Target::RemoteNodePort => {
            backend_pods(path.protocol, port, addresses)
        }
        Target::HostPort => addresses.pods.first().map(|pod| host_port(pod, path, port)).unwrap_or_default(),
        Target::Ingress => {
            let here = |pod: &&SystemPod| pod.node == addresses.backend_node();
            addresses.ingress_pods.iter().filter(here).map(endpoint).collect()
        }
        Target::Dns => addresses.dns_pods.iter().map(endpoint).collect(),
        Target::ApiServer => addresses
            .nodes
            .first()
            .map(|node| PodEndpoint { address: SocketAddr::new(node.ip, addresses.api_port), machine: 0 })
            .into_iter()
            .collect(),
    }
}

fn backend_pods(protocol: Protocol, port: Option<u16>, addresses: &Addresses) -> Vec<PodEndpoint> {
    let Some(port) = addresses.port(protocol, port) else { return Vec::new() };
    let pods = addresses.pods.iter();
    pods.map(|pod| PodEndpoint { address: SocketAddr::new(pod.ip, port.target), machine: pod.node }).collect()
}

fn host_port(pod: &PodAddress, path: AccessPath, wanted: Option<u16>) -> Vec<PodEndpoint> {
    let udp = path.protocol == Protocol::Udp;
    let port = pod.host_ports.iter().find(|port| port.udp == udp && wanted.is_none_or(|wanted| wanted == port.host));
    port.map(|port| PodEndpoint { address: SocketAddr::new(pod.ip, port.container), machine: pod.node })
        .into_iter()
        .collect()
}

fn name_server(addresses: &Addresses) -> Option<NameServer> {
    let address = SocketAddr::new(addresses.dns?, DNS_PORT);
    Some(NameServer { address, backends: addresses.dns_pods.iter().map(endpoint).collect() })
}

const fn endpoint(pod: &SystemPod) -> PodEndpoint {
    PodEndpoint { address: pod.address, machine: pod.node }
}
