//! The destination should have been translated and was not: the rule for it is missing.

use std::net::IpAddr;

use super::{
    evidence::CaseEvidence,
    finding::Finding,
    firewall::ended_by,
    flow::{Flow, Seen},
    place::who,
};
use crate::model::{
    Target,
    report::{Cause, CauseKind},
};

/// The packet that went on to its first destination though a backend's address should have replaced it.
pub(super) fn missing<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    let leg = flow.leg;
    if !leg.needs_translation() {
        return None;
    }
    let untranslated = |seen: &&Seen<'a>| {
        let passage = seen.passage;
        passage.past_translation()
            && !is_anothers(evidence, seen, leg.destination.ip())
            && passage.translation().is_none()
            && passage.first.destination() == Some(leg.destination)
            && passage.last.destination() == Some(leg.destination)
    };
    let seen = flow.forward().find(untranslated)?;
    let translator = translator(evidence);
    if ended_by(evidence.machines, seen).is_some_and(|owner| owner == translator || owner == "calico") {
        // A service without endpoints, for instance: the rule is there and says no.
        return None;
    }
    let state = &evidence.machines[seen.machine].state;
    let backends: Vec<String> = leg.backends.iter().map(|backend| backend.address.to_string()).collect();
    let elsewhere = backends.iter().any(|backend| state.nft.mentions(&format!("dnat to {backend}")));
    let rules = if elsewhere {
        format!("no rule that leads to {} matched it", backends.join(" or "))
    } else {
        format!("no rule there translates it to {}", backends.join(" or "))
    };
    let transport = leg.transport.as_str();
    let summary = format!(
        "{} does not translate it: the packet went past the address translation as {}/{transport}, unchanged; {rules}.",
        who(evidence, seen.machine),
        leg.destination,
    );
    let cause = Cause {
        kind: CauseKind::NoRule,
        table: Some("ip nat".to_owned()),
        chain: None,
        rule: None,
        owner: Some(translator.to_owned()),
        summary,
    };
    let observed = format!("{} is not translated", leg.destination);
    let place = seen.passage.entered.first().map_or("prerouting", |(hook, _)| hook.as_str());
    Some(Finding { cause, seen: None, lost: None }.seen(*seen).lost(seen.machine, place, observed))
}

/// Whether the address is that of another machine: a node port is translated by the node that has it.
fn is_anothers(evidence: &CaseEvidence<'_>, seen: &Seen<'_>, address: IpAddr) -> bool {
    let owner = evidence.machines.iter().position(|machine| machine.state.owns(address));
    owner.is_some_and(|owner| owner != seen.machine)
}

/// Whose rules should have translated it.
fn translator(evidence: &CaseEvidence<'_>) -> &'static str {
    match evidence.context.path.to {
        Target::HostPort | Target::Ingress => "portmap",
        _ => "kube-proxy",
    }
}
