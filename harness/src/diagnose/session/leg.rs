//! A leg: one connection that a case consists of. An ingress case has two, the client's and the ingress's own.

use std::net::{IpAddr, SocketAddr};

use crate::{
    diagnose::context::{CaseContext, PodEndpoint, Source, Transport},
    model::Outcome,
};

/// One connection of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Index of the case.
    pub case: usize,
    /// Which of the case's connections it is.
    pub kind: LegKind,
    /// Over what it runs.
    pub transport: Transport,
    /// How its packets are told from others.
    pub selector: Selector,
    /// Where it starts.
    pub sources: Vec<Source>,
    /// What it aims at.
    pub destination: SocketAddr,
    /// Where the destination leads.
    pub backends: Vec<PodEndpoint>,
}

/// Which of a case's connections a leg is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LegKind {
    /// From the prober.
    Client,
    /// From the ingress to a pod.
    Upstream,
    /// The prober's query to its name server.
    Dns,
}

/// How a leg's packets are told from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The probe starts from this port.
    SourcePort(u16),
    /// The port is the program's own choice: from one of these addresses to one of these ports.
    Addresses(Vec<IpAddr>, Vec<u16>),
}

/// The legs of a case whose probe will be repeated from `source_port`.
#[must_use]
pub fn legs(index: usize, case: &CaseContext, source_port: u16) -> Vec<Leg> {
    let mut legs = Vec::new();
    // Where the server answered, the client's own connection is fine: marking it would only fill the trace.
    if !matches!(case.outcome, Outcome::Http(_)) {
        legs.push(Leg {
            case: index,
            kind: LegKind::Client,
            transport: case.transport,
            selector: Selector::SourcePort(source_port),
            sources: vec![case.source],
            destination: case.destination,
            backends: case.backends.clone(),
        });
    }
    if let Some(pods) = case.upstream.as_ref().filter(|_| may_be_upstream(case.outcome)) {
        legs.extend(pods.iter().map(|pod| upstream(index, case, *pod)));
    }
    if let (Some(server), Outcome::DnsFailed, Some(address)) = (&case.dns, case.outcome, case.source.address) {
        legs.push(Leg {
            case: index,
            kind: LegKind::Dns,
            transport: Transport::Udp,
            selector: Selector::Addresses(vec![address], ports(server.address, &server.backends)),
            sources: vec![case.source],
            destination: server.address,
            backends: server.backends.clone(),
        });
    }
    legs
}

/// Whether an ingress says by this that its own connection fails: any other answer is one of its own, or the pod's.
const fn may_be_upstream(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Http(_)) || matches!(outcome, Outcome::Http(502..=504))
}

/// The ingress's own connection to one of the pods behind it.
fn upstream(index: usize, case: &CaseContext, pod: PodEndpoint) -> Leg {
    let sources: Vec<Source> = case
        .backends
        .iter()
        .filter(|ingress| ingress.address.is_ipv6() == pod.address.is_ipv6())
        .map(|ingress| Source { machine: Some(ingress.machine), pod: true, address: Some(ingress.address.ip()) })
        .collect();
    let addresses = sources.iter().filter_map(|source| source.address).collect();
    Leg {
        case: index,
        kind: LegKind::Upstream,
        transport: Transport::Tcp,
        selector: Selector::Addresses(addresses, vec![pod.address.port()]),
        sources,
        destination: pod.address,
        backends: vec![pod],
    }
}

fn ports(destination: SocketAddr, backends: &[PodEndpoint]) -> Vec<u16> {
    let mut ports: Vec<u16> =
        std::iter::once(destination.port()).chain(backends.iter().map(|backend| backend.address.port())).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

impl Leg {
    /// Whether the destination must be translated to reach a backend.
    #[must_use]
    pub fn needs_translation(&self) -> bool {
        !self.backends.is_empty() && self.backends.iter().all(|backend| backend.address != self.destination)
    }

    /// The backend with this address.
    #[must_use]
    pub fn backend(&self, address: SocketAddr) -> Option<&PodEndpoint> {
        self.backends.iter().find(|backend| backend.address == address)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use super::{LegKind, legs};
    use crate::{
        diagnose::context::{CaseContext, PodEndpoint, Source, Transport},
        model::Outcome,
    };

    fn to_ingress(outcome: Outcome) -> CaseContext {
        let address = |last: u8, port| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 0, last)), port);
        CaseContext {
            case: "s::d::as-installed::outside-to-ingress".to_owned(),
            distros: vec!["rhel-9.5".to_owned()],
            path: "outside-to-ingress".parse().expect("a path"),
            transport: Transport::Tcp,
            outcome,
            repeat: 1,
            source: Source { machine: None, pod: false, address: None },
            destination: address(1, 80),
            backends: vec![PodEndpoint { address: address(2, 80), machine: 0 }],
            upstream: Some(vec![PodEndpoint { address: address(3, 8080), machine: 0 }]),
            dns: None,
            service_path_ok: true,
            small_path_ok: None,
        }
    }

    #[test]
    fn only_a_gateway_s_error_tells_of_the_connection_behind_it() {
        use LegKind::{Client, Upstream};
        let kinds = |outcome| -> Vec<LegKind> {
            legs(0, &to_ingress(outcome), 61_001).into_iter().map(|leg| leg.kind).collect()
        };
        for code in 502..=504 {
            assert_eq!(kinds(Outcome::Http(code)), [Upstream], "{code}");
        }
        for code in [400, 404, 500, 505] {
            assert_eq!(kinds(Outcome::Http(code)), [], "{code}");
        }
        assert_eq!(kinds(Outcome::Timeout), [Client, Upstream]);
    }
}
