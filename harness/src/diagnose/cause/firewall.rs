//! A rule or a policy ended the packet.

use super::{
    evidence::{CaseEvidence, MachineEvidence},
    finding::Finding,
    flow::{Flow, Seen},
    owner::{owner, zone},
    place::who,
};
use crate::{
    diagnose::{
        hook::Hook,
        session::Way,
        state::{LegacyRule, MachineState, without_counters},
        trace::End,
    },
    model::{
        Target,
        report::{Cause, CauseKind},
    },
};

/// What ended a packet.
struct Ending<'a> {
    hook: Hook,
    table: &'a str,
    chain: &'a str,
    rule: Option<&'a str>,
}

/// The first packet of this flow that nftables ended: towards the backend first, since an answer needs a question.
pub(super) fn dropped<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    for way in [Way::Forward, Way::TunnelForward, Way::Reply, Way::TunnelReply] {
        // A reset that ends a connection that failed is no cause of the failure.
        let mut candidates: Vec<&Seen<'a>> = flow.way(way).collect();
        candidates.sort_by_key(|seen| seen.passage.first.is_reset());
        for seen in candidates {
            if let End::Dropped { hook, table, chain, rule } = &seen.passage.end {
                let ending = Ending { hook: *hook, table, chain, rule: rule.as_deref() };
                return Some(finding(evidence, *seen, &ending));
            }
        }
    }
    None
}

/// The owner of the rule that ended a packet, if one did.
pub(super) fn ended_by(machines: &[MachineEvidence], seen: &Seen<'_>) -> Option<String> {
    let End::Dropped { table, chain, rule, .. } = &seen.passage.end else { return None };
    let state = machines.get(seen.machine).map(|machine| &machine.state)?;
    Some(owner_of(state, table, chain, rule.as_deref()))
}

fn owner_of(state: &MachineState, table: &str, chain: &str, rule: Option<&str>) -> String {
    let text = rule.map(|rule| as_written(state, table, chain, rule));
    owner(table, chain, text.as_deref(), state.nft.chain(table, chain))
}

fn finding<'a>(evidence: &CaseEvidence<'a>, seen: Seen<'a>, ending: &Ending<'_>) -> Finding<'a> {
    let machines = evidence.machines;
    let state = &machines[seen.machine].state;
    let rule = ending.rule.map(|rule| as_written(state, ending.table, ending.chain, rule));
    let rejects = ending.rule.is_some_and(|rule| rule.contains("reject"));
    let tunnel = matches!(seen.way, Way::TunnelForward | Way::TunnelReply);
    let kind = match (tunnel, rejects) {
        (true, _) => CauseKind::Tunnel,
        (false, true) => CauseKind::FirewallReject,
        (false, false) => CauseKind::FirewallDrop,
    };
    let owner = owner_of(state, ending.table, ending.chain, ending.rule);
    let mut summary = format!("{} {}: ", who(evidence, seen.machine), what(seen.way, rejects));
    summary.push_str(&why(&seen, ending, rule.as_deref(), &owner));
    if !tunnel {
        summary.push_str(&service_survives(evidence, state, ending));
    }
    let cause = Cause {
        kind,
        table: Some(ending.table.to_owned()),
        chain: Some(ending.chain.to_owned()),
        rule: Some(rule.unwrap_or_else(|| "policy drop".to_owned())),
        owner: Some(owner),
        summary,
    };
    Finding { cause, seen: Some(seen), lost: None }
}

fn what(way: Way, rejects: bool) -> String {
    let verb = if rejects { "rejects" } else { "drops" };
    match way {
        Way::Forward | Way::Error => format!("{verb} it"),
        Way::Reply => format!("{verb} the answer"),
        Way::TunnelForward => format!("{verb} the VXLAN packet that carries it (UDP {VXLAN_PORT})"),
        Way::TunnelReply => format!("{verb} the VXLAN packet that carries the answer (UDP {VXLAN_PORT})"),
    }
}

const VXLAN_PORT: u16 = 4789;

fn why(seen: &Seen<'_>, ending: &Ending<'_>, rule: Option<&str>, owner: &str) -> String {
    let (table, chain) = (ending.table, ending.chain);
    let Some(rule) = rule else {
        let set_by = if owner == "user" { String::new() } else { format!(", as {owner} sets it") };
        return format!("no rule of {table} {chain} accepts the packet and the chain's policy is drop{set_by}.");
    };
    if let Some(zone) = owner.strip_prefix("firewalld zone ") {
        let interface = seen.passage.last.iif.as_deref();
        let subject = interface.map_or_else(|| "the interface is".to_owned(), interfaces_are);
        return if falls_through(seen, chain) {
            format!(
                "{subject} in no zone, so firewalld's default zone {zone} ends the packet with `{rule}` ({table} {chain})."
            )
        } else {
            format!("{subject} in firewalld's zone {zone}, which ends the packet with `{rule}` ({table} {chain}).")
        };
    }
    let from_to = match (ending.hook, &seen.passage.last.iif, &seen.passage.last.oif) {
        (Hook::Forward, Some(iif), Some(oif)) => format!(" on its way from {iif} to {oif}"),
        (Hook::Input, Some(iif), _) => format!(" that came in by {iif}"),
        _ => String::new(),
    };
    let of = if owner == "user" { "a rule that no known program owns".to_owned() } else { format!("{owner}'s rule") };
    format!("{of}, `{rule}` ({table} {chain}), ends the packet{from_to}.")
}

fn interfaces_are(interface: &str) -> String {
    let name = interface_name(interface);
    if name.ends_with('*') { format!("{name} interfaces are") } else { format!("{name} is") }
}

/// Pods' interfaces have a new name each time; the beginning is what they share.
pub(super) fn interface_name(interface: &str) -> String {
    match ["cali", "veth", "cni"].iter().find(|start| interface.starts_with(**start)) {
        Some(start) => format!("{start}*"),
        None => interface.to_owned(),
    }
}

/// Whether the zone got the packet because no interface and no source of another zone matched: its chain was gone
/// to without a condition.
fn falls_through(seen: &Seen<'_>, chain: &str) -> bool {
    let base = chain.rsplit_once('_').map_or(chain, |_| chain);
    let zone = zone(base).unwrap_or_default();
    let rules = seen.passage.stops.iter().flat_map(|stop| &stop.rules);
    rules
        .filter(|(from, ..)| from.ends_with("_ZONES"))
        .any(|(_, text, _)| text.starts_with("goto ") && text.ends_with(&format!("_{zone}")))
}

/// The sentence about the service path, where the ruleset and the other case bear it out.
fn service_survives(evidence: &CaseEvidence<'_>, state: &MachineState, ending: &Ending<'_>) -> String {
    let accepts_dnat = ending.table.ends_with(" firewalld")
        && ending.hook == Hook::Forward
        && state.nft.chain(ending.table, "filter_FORWARD").is_some_and(|chain| {
            chain.rules.iter().any(|rule| rule.contains("ct status dnat") && rule.ends_with("accept"))
        });
    if accepts_dnat && evidence.context.service_path_ok && evidence.context.path.to == Target::PodIp {
        return " The Service path survives because its packets are DNATed and firewalld accepts `ct status dnat`."
            .to_owned();
    }
    String::new()
}

/// A rule's text as its owner would write it: iptables' own words for iptables' tables, else as nft prints it.
pub(super) fn as_written(state: &MachineState, table: &str, chain: &str, rule: &str) -> String {
    let rule = without_counters(rule);
    let saved = match table.split_once(' ') {
        Some(("ip", name)) => state.iptables.chain(name, chain),
        _ => &[],
    };
    let listed = state.nft.chain(table, chain).map_or(&[][..], |chain| &chain.rules);
    if saved.len() != listed.len() {
        return rule;
    }
    let mut same = listed.iter().zip(saved).filter(|(listed, _)| **listed == rule).map(|(_, (written, _))| written);
    match (same.next(), same.next()) {
        // nft cannot show every match of iptables: rules that look alike may differ.
        (Some(first), Some(second)) if first != second => rule,
        (Some(written), _) => written.clone(),
        (None, _) => rule,
    }
}

/// A packet that went into a hook and did not come out, though no nftables rule ended it: a legacy rule, when the
/// counters of exactly one that ends packets moved there.
pub(super) fn legacy<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>, hook: Hook) -> Option<Finding<'a>> {
    let machine = &evidence.machines[seen.machine];
    let mut moved = machine.legacy.0.iter().filter(|rule| rule.ends() && rule.fits(&seen.passage.last));
    let (rule, None) = (moved.next()?, moved.next()) else { return None };
    let verb = if rule.rejects() { "rejects" } else { "drops" };
    let kind = if rule.rejects() { CauseKind::FirewallReject } else { CauseKind::FirewallDrop };
    let table = format!("ip {}", rule.table);
    let (chain, text) = (rule.chain.clone(), rule.rule.clone());
    let summary = format!(
        "{} {verb} it: the packet went into the {hook} hook and did not come out, no nftables rule ended it, and the \
         legacy iptables rule `{text}` ({table} {chain}) counted {} of them meanwhile.",
        who(evidence, seen.machine),
        rule.packets,
    );
    let owner = Some(owner(&table, &chain, Some(&text), None));
    let cause = Cause { kind, table: Some(table), chain: Some(chain), rule: Some(text), owner, summary };
    Some(Finding { cause, seen: Some(*seen), lost: None })
}

impl LegacyRule {
    /// Whether the rule's addresses do not speak against this packet.
    fn fits(&self, header: &crate::diagnose::trace::Header) -> bool {
        let words: Vec<&str> = self.rule.split_whitespace().collect();
        let allows = |flag: &str, address: Option<std::net::IpAddr>| {
            let network = words.iter().position(|word| *word == flag).and_then(|at| words.get(at + 1));
            match (network, address) {
                (Some(network), Some(std::net::IpAddr::V4(address))) => within(network, address),
                _ => true,
            }
        };
        allows("-s", header.saddr) && allows("-d", header.daddr)
    }
}

/// Whether an address is in a network written as `10.1.0.0/16`.
fn within(network: &str, address: std::net::Ipv4Addr) -> bool {
    let (base, length) = network.split_once('/').unwrap_or((network, "32"));
    let (Ok(base), Ok(length)) = (base.parse::<std::net::Ipv4Addr>(), length.parse::<u32>()) else { return true };
    let mask = u32::MAX.checked_shl(32 - length.min(32)).unwrap_or_default();
    u32::from(base) & mask == u32::from(address) & mask
}
