//! The packet was sent and nobody answered: a wrong way out, a silent neighbour, a broken tunnel.

use std::net::IpAddr;

use super::{
    evidence::CaseEvidence,
    finding::Finding,
    flow::{Flow, Seen},
    mtu,
    place::who,
    routing::moved,
    rule, tunnel,
};
use crate::{
    diagnose::{
        session::Way,
        state::{MachineState, RouteAnswer},
        trace::End,
    },
    model::report::CauseKind,
};

/// Follows the packets from machine to machine and finds where the way breaks off.
pub(super) fn broken<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    mtu::swallowed(evidence, flow)
        .or_else(|| towards_backend(evidence, flow))
        .or_else(|| mtu::black_hole(evidence, flow))
        .or_else(|| towards_source(evidence, flow))
        .or_else(|| mtu::unanswered(evidence, flow))
}

/// It left by a tunnel for a machine where nothing of it came out of the tunnel, and nobody answered: what remains when
/// packets of others, to the same backend, stand where its own are looked for.
pub(super) fn swallowed_by_tunnel<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    if flow.way(Way::Reply).next().is_some() {
        return None;
    }
    flow.forward().filter(|seen| seen.passage.end == End::Sent).find_map(|seen| {
        let oif = seen.passage.last.oif.as_deref()?;
        if !tunnel::is_tunnel(evidence, seen.machine, oif) {
            return None;
        }
        let to = owner_of(evidence, tunnel::gateway(evidence, seen)?)?;
        let out = |iif: &str| tunnel::is_tunnel(evidence, to, iif);
        let came_out = flow.forward().any(|one| one.machine == to && one.passage.first.iif.as_deref().is_some_and(out));
        (!came_out).then(|| tunnel::lost(evidence, flow, seen, to))
    })
}

fn towards_backend<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    let answered = flow.way(Way::Reply).next().is_some();
    let sent: Vec<&Seen<'a>> = flow.forward().filter(|seen| seen.passage.end == End::Sent).collect();
    for seen in sent {
        let Some(backend) = seen.passage.last.destination().and_then(|to| flow.leg.backend(to)) else { continue };
        let at_backend = seen.machine == backend.machine;
        let found = if at_backend {
            let silent = || if answered { None } else { silent_pod(evidence, seen, backend.address.ip()) };
            misrouted(evidence, seen, None).or_else(silent)
        } else if flow.furthest(Way::Forward, backend.machine).is_none() {
            Some(between(evidence, flow, seen, backend.machine))
        } else {
            None
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn towards_source<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    for seen in flow.way(Way::Reply).filter(|seen| seen.passage.end == End::Sent) {
        let to = seen.passage.last.daddr?;
        // After a masquerade the answer goes to a node first, and its own machine knows the rest.
        let source = flow.leg.sources.iter().find(|source| source.address == Some(to));
        let target = source.and_then(|source| source.machine).or_else(|| owner_of(evidence, to));
        let Some(target) = target else { continue };
        let found = if target == seen.machine {
            misrouted(evidence, seen, None)
        } else if flow.furthest(Way::Reply, target).is_none() {
            Some(between(evidence, flow, seen, target))
        } else {
            None
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn owner_of(evidence: &CaseEvidence<'_>, address: IpAddr) -> Option<usize> {
    evidence.machines.iter().position(|machine| machine.state.owns(address))
}

/// A machine sent it towards another one, where it was not seen.
fn between<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>, seen: &Seen<'a>, to: usize) -> Finding<'a> {
    let oif = seen.passage.last.oif.as_deref().unwrap_or_default();
    if tunnel::is_tunnel(evidence, seen.machine, oif) {
        return tunnel::lost(evidence, flow, seen, to);
    }
    if let Some(finding) = misrouted(evidence, seen, evidence.machines.get(to).map(|machine| &machine.state)) {
        return finding;
    }
    let summary = format!(
        "Unknown: the packet leaves {} by {oif} and is not seen on {}{}.",
        evidence.name(seen.machine),
        evidence.name(to),
        moved(evidence, to),
    );
    let observed = format!("not seen on {}", evidence.name(to));
    Finding::new(CauseKind::Unknown, summary).seen(*seen).lost(seen.machine, "link", observed)
}

/// It left by a way that does not lead there: a routing rule's, or a gateway's. A pod of this machine has no gateway,
/// and another machine's pod has that machine (`target`).
fn misrouted<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>, target: Option<&MachineState>) -> Option<Finding<'a>> {
    rule::astray(evidence, seen).or_else(|| to_a_gateway(evidence, seen, target))
}

fn to_a_gateway<'a>(
    evidence: &CaseEvidence<'a>,
    seen: &Seen<'a>,
    target: Option<&MachineState>,
) -> Option<Finding<'a>> {
    let to = seen.passage.last.daddr?;
    let Some(RouteAnswer::Route(route)) = evidence.machines[seen.machine].state.route(to) else { return None };
    let gateway = route.via?;
    if target.is_some_and(|target| target.owns(gateway)) {
        return None;
    }
    let oif = seen.passage.last.oif.as_deref().or(route.dev.as_deref()).unwrap_or_default();
    let where_it_is = if target.is_some() { "on another machine" } else { "on this machine" };
    let summary = format!(
        "{} has no route of its own to {to}: the packet leaves by {oif} for the gateway {gateway}, though {to} is {where_it_is}.",
        who(evidence, seen.machine),
    );
    let observed = format!("`ip route get {to}`: {}", route.text);
    Some(Finding::new(CauseKind::NoRoute, summary).seen(*seen).lost(seen.machine, "routing", observed))
}

/// The right link, but nobody there answers ARP, or the interface counts drops.
fn silent_pod<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>, pod: IpAddr) -> Option<Finding<'a>> {
    let machine = &evidence.machines[seen.machine];
    let oif = seen.passage.last.oif.as_deref()?;
    let state = &machine.state.neighbour(pod, oif)?.state;
    if !matches!(state.as_str(), "FAILED" | "INCOMPLETE") {
        return None;
    }
    let summary = format!(
        "{} does not find {pod}: the packet is to leave by {oif}, but nobody there answers ARP (neighbour entry {state}).",
        who(evidence, seen.machine),
    );
    Some(Finding::new(CauseKind::NoRoute, summary).seen(*seen).lost(seen.machine, "link", format!("ARP {state}")))
}
