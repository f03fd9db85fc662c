//! Large packets get lost where small ones pass.

use super::{
    evidence::CaseEvidence,
    finding::Finding,
    flow::{Flow, Seen},
    place::who,
    tunnel::is_tunnel,
};
use crate::{
    diagnose::{session::Way, state::RouteAnswer, trace::End},
    model::{Outcome, Payload, report::CauseKind},
};

/// From this length on a packet counts as large, in bytes. Every IPv6 link carries 1280, every pod network more.
const LARGE: u32 = 1000;

/// A packet that the routing code ended because it does not fit the way out: longer than the interface allows, and
/// the kernel counted a fragmentation that failed.
pub(super) fn too_big<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>) -> Option<Finding<'a>> {
    let machine = &evidence.machines[seen.machine];
    let (length, to) = (seen.passage.last.length?, seen.passage.last.daddr?);
    let Some(RouteAnswer::Route(route)) = machine.state.route(to) else { return None };
    let dev = route.dev.as_deref()?;
    let mtu = machine.state.links.get(dev)?.mtu;
    if length <= mtu || machine.moved.get("Ip.FragFails") == 0 {
        return None;
    }
    let summary = format!(
        "{} cannot send it on: a packet of {length} bytes does not fit {dev} (MTU {mtu}) and may not be fragmented.",
        who(evidence, seen.machine),
    );
    let observed = format!("{length} bytes do not fit {dev} (MTU {mtu})");
    Some(Finding::new(CauseKind::Mtu, summary).seen(*seen).lost(seen.machine, "routing", observed))
}

/// Large packets that go into a tunnel whose other end sees none of them, on a way that works for small ones.
pub(super) fn swallowed<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    let context = evidence.context;
    let silent = matches!(context.outcome, Outcome::Stalled | Outcome::Timeout);
    if context.path.payload != Payload::Large || !silent || context.small_path_ok != Some(true) {
        return None;
    }
    [Way::TunnelForward, Way::TunnelReply].into_iter().find_map(|way| {
        let sent = flow.way(way).find(|seen| is_large(seen) && seen.passage.end == End::Sent)?;
        if !tunnels(evidence, flow, sent) {
            return None;
        }
        let arrived = flow.way(way).any(|seen| seen.machine != sent.machine && is_large(seen));
        (!arrived).then(|| finding(evidence, *sent))
    })
}

/// A large payload that stalled while small packets of the same connection went both ways.
pub(super) fn black_hole<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    let context = evidence.context;
    let stalled = matches!(context.outcome, Outcome::Stalled | Outcome::Timeout | Outcome::Reset | Outcome::Http(504));
    if context.path.payload != Payload::Large || !stalled {
        return None;
    }
    if let Some(error) = flow.way(Way::Error).find(|seen| seen.passage.first.is_too_big()) {
        return Some(too_big_was_said(evidence, error));
    }
    for (way, small_back) in [
        (Way::TunnelForward, Way::TunnelReply),
        (Way::TunnelReply, Way::TunnelForward),
        (Way::Forward, Way::Reply),
        (Way::Reply, Way::Forward),
    ] {
        if flow.way(small_back).next().is_none() && context.small_path_ok != Some(true) {
            continue;
        }
        if let Some(seen) = vanished(flow, way).filter(|seen| tunnels(evidence, flow, seen)) {
            return Some(finding(evidence, seen));
        }
    }
    None
}

/// Whether a tunnel's packet can be this flow's: one of its own left that machine by a tunnel. True of other packets.
fn tunnels(evidence: &CaseEvidence<'_>, flow: &Flow<'_>, outer: &Seen<'_>) -> bool {
    let inner = match outer.way {
        Way::TunnelForward => Way::Forward,
        Way::TunnelReply => Way::Reply,
        Way::Forward | Way::Reply | Way::Error => return true,
    };
    flow.way(inner)
        .filter(|seen| seen.machine == outer.machine)
        .any(|seen| seen.passage.last.oif.as_deref().is_some_and(|oif| is_tunnel(evidence, seen.machine, oif)))
}

fn is_large(seen: &Seen<'_>) -> bool {
    seen.passage.first.length.is_some_and(|length| length > LARGE)
}

/// A large packet of this way that one machine sent and the machine that got the small ones never saw.
fn vanished<'a>(flow: &Flow<'a>, way: Way) -> Option<Seen<'a>> {
    let sent = flow.way(way).filter(|seen| is_large(seen) && seen.passage.end == End::Sent).copied();
    sent.into_iter().find(|sent| {
        let mut elsewhere = flow.way(way).filter(|seen| seen.machine != sent.machine).peekable();
        elsewhere.peek().is_some() && elsewhere.all(|seen| !is_large(seen))
    })
}

/// The last large packet, where the other end is no machine that listens.
pub(super) fn unanswered<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    let context = evidence.context;
    let stalled = matches!(context.outcome, Outcome::Stalled | Outcome::Timeout | Outcome::Http(504));
    if context.path.payload != Payload::Large || !stalled {
        return None;
    }
    let both_ways = flow.forward().next().is_some() && flow.way(Way::Reply).next().is_some();
    let sent = |way| flow.way(way).filter(|seen| is_large(seen) && seen.passage.end == End::Sent).last().copied();
    let seen = sent(Way::Reply).or_else(|| sent(Way::Forward))?;
    let machine = &evidence.machines[seen.machine];
    let oif = seen.passage.last.oif.as_deref()?;
    let refused = ["tx_drop", "tx_errs"].iter().any(|counter| machine.moved.get(&format!("{oif}.{counter}")) > 0);
    (both_ways && (refused || context.small_path_ok == Some(true))).then(|| finding(evidence, seen))
}

fn finding<'a>(evidence: &CaseEvidence<'a>, seen: Seen<'a>) -> Finding<'a> {
    let machine = &evidence.machines[seen.machine];
    let oif = seen.passage.last.oif.as_deref().unwrap_or("an unknown interface");
    let mtu = machine.state.links.get(oif).map(|link| link.mtu).unwrap_or_default();
    let length = seen.passage.last.length.unwrap_or_default();
    let carried = match seen.way {
        Way::TunnelForward | Way::TunnelReply => "VXLAN packets",
        _ => "packets",
    };
    let counter = ["tx_drop", "tx_errs"].into_iter().find_map(|name| {
        let moved = machine.moved.get(&format!("{oif}.{name}"));
        (moved > 0).then(|| format!("; {oif} counted {name} +{moved}"))
    });
    let summary = format!(
        "{} loses large packets on the way: {carried} of {length} bytes leave {} by {oif} (MTU {mtu}) and never arrive, \
         small ones do; nobody says that they are too big{}.",
        evidence.distro(seen.machine),
        evidence.name(seen.machine),
        counter.unwrap_or_default(),
    );
    let observed = format!("{length} bytes left by {oif} (MTU {mtu}) and never arrived");
    Finding::new(CauseKind::Mtu, summary).seen(seen).lost(seen.machine, "link", observed)
}

fn too_big_was_said<'a>(evidence: &CaseEvidence<'a>, error: &Seen<'a>) -> Finding<'a> {
    let from = error.passage.first.saddr.map_or_else(|| "somebody".to_owned(), |address| address.to_string());
    let summary = format!(
        "{} does not heed that a packet was too big: {from} says so by ICMP, seen on {}, and the connection stalls all the same.",
        evidence.distro(error.machine),
        evidence.name(error.machine),
    );
    Finding::new(CauseKind::Mtu, summary).seen(*error).lost(error.machine, "link", format!("too big, says {from}"))
}
