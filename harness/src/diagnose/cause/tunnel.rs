//! A packet went into a tunnel and did not come out at the other machine.

use std::net::IpAddr;

use super::{
    evidence::CaseEvidence,
    finding::Finding,
    flow::{Flow, Seen},
    place::who,
    routing::moved,
};
use crate::{
    diagnose::{session::Way, state::RouteAnswer, trace::End},
    model::report::CauseKind,
};

/// Whether this interface of a machine is a tunnel.
pub(super) fn is_tunnel(evidence: &CaseEvidence<'_>, machine: usize, interface: &str) -> bool {
    let link = evidence.machines.get(machine).and_then(|machine| machine.state.links.get(interface));
    link.is_some_and(|link| link.kind == "vxlan")
}

/// Why the packet `inner`, which left by a tunnel, did not come out at machine `to`.
pub(super) fn lost<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>, inner: &Seen<'a>, to: usize) -> Finding<'a> {
    let outer_way = if inner.way == Way::Reply { Way::TunnelReply } else { Way::TunnelForward };
    let Some(outer) = flow.furthest(outer_way, inner.machine) else { return never_sent(evidence, inner, to) };
    match flow.furthest(outer_way, to) {
        None => never_arrived(evidence, outer, to),
        Some(arrived) => not_for_it(evidence, inner, arrived).unwrap_or_else(|| not_taken(evidence, arrived)),
    }
}

fn never_sent<'a>(evidence: &CaseEvidence<'a>, inner: &Seen<'a>, to: usize) -> Finding<'a> {
    let state = &evidence.machines[inner.machine].state;
    let tunnel = inner.passage.last.oif.as_deref().unwrap_or_default();
    let gateway = gateway(evidence, inner);
    let neighbour =
        gateway.and_then(|gateway| match state.neighbour(gateway, tunnel).map(|neighbour| neighbour.state.as_str()) {
            None => Some(format!("it has no neighbour entry for {gateway}")),
            Some(bad @ ("FAILED" | "INCOMPLETE")) => Some(format!("its neighbour entry for {gateway} is {bad}")),
            Some(_) => None,
        });
    let peers = state.tunnel_peers.get(tunnel).map_or(&[][..], Vec::as_slice);
    let known = evidence.machines.get(to).is_some_and(|to| peers.iter().any(|peer| to.state.owns(*peer)));
    let why = neighbour.unwrap_or_else(|| {
        if known {
            format!("the tunnel knows its peer{}", moved(evidence, inner.machine))
        } else {
            format!("its FDB has no entry for an address of {}", evidence.name(to))
        }
    });
    let summary = format!(
        "{} does not send the VXLAN packet: the packet went into {tunnel} and no UDP packet left; {why}.",
        who(evidence, inner.machine),
    );
    Finding::new(CauseKind::Tunnel, summary).seen(*inner).lost(inner.machine, "link", why)
}

fn never_arrived<'a>(evidence: &CaseEvidence<'a>, outer: &Seen<'a>, to: usize) -> Finding<'a> {
    let header = &outer.passage.last;
    let (oif, peer) = (header.oif.as_deref().unwrap_or("an unknown interface"), header.daddr);
    let peer_text = peer.map_or_else(|| "an unknown address".to_owned(), |peer| peer.to_string());
    let stale = |peer: IpAddr| evidence.machines.get(to).is_some_and(|machine| !machine.state.owns(peer));
    let why = if peer.is_some_and(stale) {
        format!(", which is no address of {}", evidence.name(to))
    } else {
        format!(" and never arrives at {}", evidence.name(to))
    };
    let summary = format!(
        "{} loses the tunnel: the VXLAN packet leaves {} by {oif} for {peer_text}{why}{}.",
        evidence.distro(outer.machine),
        evidence.name(outer.machine),
        moved(evidence, to),
    );
    let observed = format!("sent to {peer_text}{why}");
    Finding::new(CauseKind::Tunnel, summary).seen(*outer).lost(outer.machine, "link", observed)
}

/// Where a machine sends what it puts into a tunnel.
pub(super) fn gateway(evidence: &CaseEvidence<'_>, inner: &Seen<'_>) -> Option<IpAddr> {
    match evidence.machines[inner.machine].state.route(inner.passage.last.daddr?)? {
        RouteAnswer::Route(route) => route.via,
        RouteAnswer::None(_) => None,
    }
}

/// It arrived, and the frame that it carries is for another MAC address than that of the tunnel's end.
fn not_for_it<'a>(evidence: &CaseEvidence<'a>, inner: &Seen<'a>, outer: &Seen<'a>) -> Option<Finding<'a>> {
    let gateway = gateway(evidence, inner)?;
    let tunnel = inner.passage.last.oif.as_deref()?;
    let known = evidence.machines[inner.machine].state.neighbour(gateway, tunnel)?.mac.as_deref()?;
    let links = &evidence.machines[outer.machine].state.links;
    let (device, link) = links.iter().find(|(_, link)| link.kind == "vxlan" && link.addresses.contains(&gateway))?;
    if link.mac.is_empty() || link.mac.eq_ignore_ascii_case(known) {
        return None;
    }
    let summary = format!(
        "{} does not take what the VXLAN packet carries: {} sends it to the MAC address {known}, which its neighbour \
         entry for {gateway} names, but {device} of {} has the address {}.",
        who(evidence, outer.machine),
        evidence.name(inner.machine),
        evidence.name(outer.machine),
        link.mac,
    );
    let observed = format!("for {known}, but {device} is {}", link.mac);
    Some(Finding::new(CauseKind::Tunnel, summary).seen(*outer).lost(outer.machine, "input", observed))
}

/// It arrived, no rule ended it, and what it carries never came out.
fn not_taken<'a>(evidence: &CaseEvidence<'a>, outer: &Seen<'a>) -> Finding<'a> {
    let machine = &evidence.machines[outer.machine];
    let bad = machine.moved.get("Udp.InCsumErrors");
    if bad > 0 {
        let summary = format!(
            "{} gets VXLAN packets with wrong UDP checksums: {} counted {bad} of them (Udp.InCsumErrors) and dropped them.",
            who(evidence, outer.machine),
            evidence.name(outer.machine),
        );
        let observed = format!("wrong UDP checksum (Udp.InCsumErrors +{bad})");
        return Finding::new(CauseKind::Checksum, summary).seen(*outer).lost(outer.machine, "input", observed);
    }
    let delivered = outer.passage.end == End::Delivered;
    let summary = format!(
        "{} does not take the VXLAN packet: it {} and what it carries never came out of the tunnel{}.",
        who(evidence, outer.machine),
        if delivered { "was delivered, no rule ended it," } else { "arrived" },
        moved(evidence, outer.machine),
    );
    Finding::new(CauseKind::Tunnel, summary).seen(*outer).lost(outer.machine, "input", "not taken out of the tunnel")
}
