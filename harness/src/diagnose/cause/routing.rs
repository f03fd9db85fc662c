//! The routing code ended the packet: forwarding off, no route, reverse path filter.

use std::net::IpAddr;

use super::{
    evidence::CaseEvidence,
    finding::Finding,
    firewall::legacy,
    flow::{Flow, Seen},
    mtu,
    place::who,
    rule,
};
use crate::{
    diagnose::{
        context::Source,
        hook::Hook,
        session::Way,
        state::{MachineState, RouteAnswer, RouteQuery},
        trace::{End, Header},
    },
    model::report::CauseKind,
};

/// The first packet that a machine took and neither delivered nor sent on, though no rule of nftables ended it.
pub(super) fn lost<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    for way in [Way::Forward, Way::TunnelForward, Way::Reply, Way::TunnelReply] {
        for seen in flow.way(way) {
            let finding = match seen.passage.end {
                End::Within(hook) => legacy(evidence, seen, hook).or_else(|| within(evidence, seen, hook)),
                End::After(hook) => after(evidence, seen, hook),
                End::Dropped { .. } | End::Delivered | End::Sent => None,
            };
            if finding.is_some() {
                return finding;
            }
        }
    }
    None
}

fn within<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>, hook: Hook) -> Option<Finding<'a>> {
    if evidence.machines[seen.machine].gap.is_some() {
        return None;
    }
    let summary = format!(
        "Unknown: on {} the packet went into the {hook} hook and did not come out, yet no rule of nftables ended it and \
         no counter of a legacy rule tells which did{}.",
        evidence.name(seen.machine),
        moved(evidence, seen.machine),
    );
    Some(Finding::new(CauseKind::Unknown, summary).seen(*seen).lost(seen.machine, hook.as_str(), "did not come out"))
}

fn after<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>, hook: Hook) -> Option<Finding<'a>> {
    if hook != Hook::Prerouting {
        return mtu::too_big(evidence, seen);
    }
    mtu::too_big(evidence, seen)
        .or_else(|| forwarding_off(evidence, seen))
        .or_else(|| no_route(evidence, seen))
        .or_else(|| reverse_path(evidence, seen))
        .or_else(|| unknown(evidence, seen))
}

/// The interface that it came in by does not forward, and it is for somebody else.
fn forwarding_off<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>) -> Option<Finding<'a>> {
    let state = &evidence.machines[seen.machine].state;
    let (iif, to) = (seen.passage.last.iif.as_deref()?, seen.passage.last.daddr?);
    if state.forwards(iif, to) != Some(false) || state.owns(to) {
        return None;
    }
    let setting = setting(evidence, seen.machine, iif, to);
    let summary = format!(
        "{} does not forward it: {setting}, so the packet for {to} that came in by {iif} ends there.",
        who(evidence, seen.machine),
    );
    let observed = format!("not forwarded ({setting})");
    Some(
        Finding::new(CauseKind::ForwardingOff, summary)
            .seen(*seen)
            .lost(seen.machine, "routing", observed)
            .setting(setting),
    )
}

/// The setting that switches forwarding off: the machine's, else the interface's.
fn setting(evidence: &CaseEvidence<'_>, machine: usize, interface: &str, to: IpAddr) -> String {
    if to.is_ipv6() {
        return "net.ipv6.conf.all.forwarding = 0".to_owned();
    }
    let off = evidence.machines[machine].state.sysctl("net.ipv4.ip_forward") == Some(0);
    let key = if off { "net.ipv4.ip_forward".to_owned() } else { format!("net.ipv4.conf.{interface}.forwarding") };
    format!("{key} = 0")
}

fn no_route<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>) -> Option<Finding<'a>> {
    let to = seen.passage.last.daddr?;
    let reason = unreachable(evidence, seen.machine, to)?;
    let summary = format!("{} has no route to {to}: the kernel answers \"{reason}\".", who(evidence, seen.machine));
    Some(Finding::new(CauseKind::NoRoute, summary).seen(*seen).lost(seen.machine, "routing", reason))
}

fn unreachable(evidence: &CaseEvidence<'_>, machine: usize, to: IpAddr) -> Option<String> {
    match evidence.machines.get(machine)?.state.route(to)? {
        RouteAnswer::None(reason) => Some(reason.clone()),
        RouteAnswer::Route(_) => None,
    }
}

/// There is a route to the destination, but the kernel does not take the packet from that interface: the filter is
/// on and counted it.
fn reverse_path<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>) -> Option<Finding<'a>> {
    let machine = &evidence.machines[seen.machine];
    let header = &seen.passage.last;
    // The kernel has no such filter for IPv6.
    let (iif, to, from) = (header.iif.clone()?, header.daddr.filter(IpAddr::is_ipv4)?, header.saddr?);
    let filter = machine.state.reverse_path_filter(&iif);
    let counted = machine.moved.get("TcpExt.IPReversePathFilter");
    let refused = matches!(machine.state.routes.get(&RouteQuery::through(to, from, &iif)), Some(RouteAnswer::None(_)));
    if filter == 0 || counted == 0 || !refused {
        return None;
    }
    let key = if machine.state.sysctl(&format!("net.ipv4.conf.{iif}.rp_filter")) == Some(filter) {
        iif.as_str()
    } else {
        "all"
    };
    let setting = format!("net.ipv4.conf.{key}.rp_filter = {filter}");
    let summary = format!(
        "{} takes it for forged: it came from {from} by {iif}, but the way back to {from} {}, and {setting} \
         drops such packets (the kernel counted {counted} of them).",
        who(evidence, seen.machine),
        back(&machine.state, header, from),
    );
    let observed = format!("reverse path filter ({setting})");
    Some(
        Finding::new(CauseKind::ReversePath, summary)
            .seen(*seen)
            .lost(seen.machine, "routing", observed)
            .setting(setting),
    )
}

/// The question for the way back of a packet that came in: from the machine itself where it is for it, else from the
/// interface that leads to where it was for.
pub(super) fn way_back(state: &MachineState, header: &Header) -> Option<RouteQuery> {
    let (to, from) = (header.daddr?, header.saddr?);
    match state.route(to)? {
        RouteAnswer::Route(route) if route.local => Some(RouteQuery::own_from(from, to)),
        RouteAnswer::Route(route) => Some(RouteQuery::through(from, to, route.dev.as_deref()?)),
        RouteAnswer::None(_) => None,
    }
}

/// The end of a sentence: the way back, and the routing rule that leads it there.
fn back(state: &MachineState, header: &Header, from: IpAddr) -> String {
    let query = way_back(state, header);
    if let Some(found) = query.as_ref().and_then(|query| rule::decisive(state, query)) {
        let of = found.owner.map(|owner| format!("{owner}'s ")).unwrap_or_default();
        let own = header.daddr.map(|own| own.to_string()).unwrap_or_default();
        return format!("from {own} is by {}, as {of}`{}` says", rule::way(found.route), found.rule);
    }
    let answer = query.and_then(|query| state.routes.get(&query)).filter(|answer| has_way(answer));
    match answer.or_else(|| state.route(from)) {
        Some(RouteAnswer::Route(route)) => format!("is by {}", route.dev.as_deref().unwrap_or("another way")),
        _ => "is nowhere".to_owned(),
    }
}

const fn has_way(answer: &RouteAnswer) -> bool {
    matches!(answer, RouteAnswer::Route(_))
}

fn unknown<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>) -> Option<Finding<'a>> {
    if evidence.machines[seen.machine].gap.is_some() {
        return None;
    }
    let header = &seen.passage.last;
    let summary = format!(
        "Unknown: {} took the packet by {} and the routing code ended it, though there is a route to its destination{}.",
        evidence.name(seen.machine),
        header.iif.as_deref().unwrap_or("an unknown interface"),
        moved(evidence, seen.machine),
    );
    Some(Finding::new(CauseKind::Unknown, summary).seen(*seen).lost(
        seen.machine,
        "routing",
        "ended by the routing code",
    ))
}

/// Nothing of the probe was seen on any machine: the start of its way may be at fault.
pub(super) fn never_came<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    flow.leg.sources.iter().find_map(|source| {
        let machine = source.machine?;
        if source.pod { pod_is_cut_off(evidence, machine, source) } else { cannot_start(evidence, flow, machine) }
    })
}

/// A pod asks for its gateway by ARP, and its node answers by proxy only while the interface forwards.
fn pod_is_cut_off<'a>(evidence: &CaseEvidence<'a>, machine: usize, source: &Source) -> Option<Finding<'a>> {
    let state = &evidence.machines.get(machine)?.state;
    let address = source.address.filter(IpAddr::is_ipv4)?;
    let RouteAnswer::Route(route) = state.route(address)? else { return None };
    let interface = route.dev.as_deref()?;
    if state.forwards(interface, address) != Some(false) {
        return None;
    }
    let setting = setting(evidence, machine, interface, address);
    let summary = format!(
        "{} does not forward: {setting}, so the node does not even answer the pod's question for its gateway (proxy ARP \
         works on forwarding interfaces only), and no packet came in by {interface}.",
        who(evidence, machine),
    );
    let observed = format!("nothing came in by {interface} ({setting})");
    Some(Finding::new(CauseKind::ForwardingOff, summary).lost(machine, "link", observed).setting(setting))
}

fn cannot_start<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>, machine: usize) -> Option<Finding<'a>> {
    let to = flow.leg.destination.ip();
    let reason = unreachable(evidence, machine, to)?;
    let summary =
        format!("{} has no route to {to}: the kernel answers \"{reason}\", no packet left.", who(evidence, machine));
    Some(Finding::new(CauseKind::NoRoute, summary).lost(machine, "routing", reason))
}

/// Counters of losses that moved meanwhile, as the end of a sentence.
pub(super) fn moved(evidence: &CaseEvidence<'_>, machine: usize) -> String {
    let losses = evidence.machines.get(machine).map(|machine| machine.moved.losses()).unwrap_or_default();
    if losses.is_empty() {
        "; no counter of losses moved".to_owned()
    } else {
        format!("; counters moved: {}", losses.join(", "))
    }
}
