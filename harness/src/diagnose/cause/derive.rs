//! The order in which the evidence is looked at.

use super::{
    evidence::CaseEvidence,
    finding::Finding,
    firewall,
    flow::{Flow, Seen},
    link,
    place::Place,
    routing, translation, way,
};
use crate::{
    diagnose::{
        session::{LegKind, TraceGap, Way},
        trace::{End, Protocol},
    },
    model::{
        Outcome, PacketWay,
        report::{Cause, CauseKind},
    },
};

/// Why a case fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// The cause.
    pub cause: Cause,
    /// The way of the packet that shows it.
    pub way: PacketWay,
    /// Where the packet ended, in a cluster of several machines.
    pub place: Option<Place>,
}

/// Derives the cause of a failing case.
#[must_use]
pub fn derive(evidence: &CaseEvidence<'_>) -> Derived {
    let flows: Vec<Flow<'_>> = relevant(evidence);
    let found = flows.iter().find_map(|flow| Some((flow, of_leg(evidence, flow)?)));
    let (flow, finding) = match found {
        Some((flow, finding)) => (Some(flow), finding),
        None => (flows.first(), nothing_found(evidence, flows.first())),
    };
    let kind = flow.map_or(LegKind::Client, |flow| flow.leg.kind);
    let way = way::of(evidence, flow, &finding);
    let place = finding.machine().and_then(|machine| Place::of(evidence, machine));
    Derived { cause: told_from_the_start(evidence, kind, finding.cause), way, place }
}

/// The legs to look at, the decisive ones first.
fn relevant<'a>(evidence: &CaseEvidence<'a>) -> Vec<Flow<'a>> {
    let mut flows: Vec<Flow<'a>> = evidence.flows().collect();
    match evidence.context.outcome {
        Outcome::DnsFailed => flows.sort_by_key(|flow| flow.leg.kind != LegKind::Dns),
        _ => flows.sort_by_key(|flow| flow.leg.kind != LegKind::Client),
    }
    flows
}

fn of_leg<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>) -> Option<Finding<'a>> {
    let passed = evidence.again.is_some_and(|again| again.outcome == Outcome::Ok);
    if passed {
        return None;
    }
    let found = translation::missing(evidence, flow).or_else(|| firewall::dropped(evidence, flow));
    // In a trace with holes what is there is true, but what is missing proves nothing.
    if evidence.machines.iter().any(|machine| machine.gap == Some(TraceGap::Lost)) {
        return found;
    }
    if flow.seen.is_empty() {
        return routing::never_came(evidence, flow);
    }
    found
        .or_else(|| routing::lost(evidence, flow))
        .or_else(|| link::broken(evidence, flow))
        .or_else(|| link::swallowed_by_tunnel(evidence, flow))
}

/// A cause found on another leg than the client's is told from the client's side.
fn told_from_the_start(evidence: &CaseEvidence<'_>, leg: LegKind, mut cause: Cause) -> Cause {
    let beginning = match leg {
        LegKind::Client => return cause,
        LegKind::Upstream => {
            format!("The ingress answers {} because its own connection to the pod fails. ", evidence.context.outcome)
        }
        LegKind::Dns => "The name does not resolve because the query to the name server fails. ".to_owned(),
    };
    cause.summary.insert_str(0, &beginning);
    cause
}

/// What is to be said when nothing explains it. Where the evidence says at least where it stops, the cause does too.
fn nothing_found<'a>(evidence: &CaseEvidence<'a>, flow: Option<&Flow<'a>>) -> Finding<'a> {
    let unknown = |text: String| Finding::new(CauseKind::Unknown, format!("Unknown: {text}."));
    if let Some(again) = evidence.again {
        match again.outcome {
            Outcome::Ok => return unknown("the probe passed when it was repeated for the trace".to_owned()),
            Outcome::Error => return unknown(format!("the probe could not be repeated: {}", again.detail)),
            _ => {}
        }
    }
    let Some(flow) = flow else { return no_upstream(evidence) };
    if let Some(reset) = flow.way(Way::Reply).find(|seen| seen.passage.first.is_reset()) {
        return refused(evidence, flow, reset);
    }
    let last = flow.way(Way::Reply).last().or_else(|| flow.forward().max_by_key(|seen| seen.passage.gates.len()));
    let finding = match last {
        Some(seen) => last_seen(evidence, seen),
        None => unknown(format!("no packet of the probe was seen on any machine{}", gaps(evidence))),
    };
    by_kind_of_leg(evidence, flow, finding)
}

/// A server that answers, but not as it should, is a cause of its own.
fn by_kind_of_leg<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>, mut finding: Finding<'a>) -> Finding<'a> {
    let answered = flow.way(Way::Reply).any(|seen| matches!(seen.passage.end, End::Sent | End::Delivered));
    if flow.leg.kind == LegKind::Dns && answered {
        finding.cause.kind = CauseKind::Dns;
        finding.cause.summary = format!(
            "The name server at {} answers, but not with the address: {}.",
            flow.leg.destination,
            evidence.again.map_or("the name does not resolve", |again| again.detail.as_str()),
        );
    }
    if flow.leg.kind == LegKind::Upstream {
        finding.cause.kind = CauseKind::Upstream;
    }
    finding
}

fn no_upstream<'a>(evidence: &CaseEvidence<'a>) -> Finding<'a> {
    let outcome = evidence.context.outcome;
    Finding::new(CauseKind::Upstream, format!("The server itself answers {outcome}; no packet was lost on the way."))
}

fn refused<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>, reset: &Seen<'a>) -> Finding<'a> {
    let from = reset.passage.first.source().unwrap_or(flow.leg.destination);
    let tcp = reset.passage.first.protocol == Some(Protocol::Tcp);
    let how = if tcp { "with a TCP reset" } else { "that the port is closed" };
    let summary = format!(
        "Unknown: no rule ends the packet; {from} itself answers {how}, seen on {}: nothing listens there.",
        evidence.name(reset.machine)
    );
    Finding::new(CauseKind::Unknown, summary).seen(*reset)
}

fn last_seen<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>) -> Finding<'a> {
    let header = &seen.passage.last;
    let what = if seen.way == Way::Reply { "the answer" } else { "the packet" };
    let place = match (&seen.passage.end, &header.oif, &header.iif) {
        (End::Delivered, _, Some(iif)) => format!("was delivered to the machine, having come in by {iif}"),
        (End::Sent, Some(oif), _) => format!("left by {oif}"),
        (_, _, Some(iif)) => format!("came in by {iif}"),
        _ => "was seen".to_owned(),
    };
    let summary = format!(
        "Unknown: no rule and no route ends the packet; on {} {what} {place}, and that is the last that was seen of it{}{}.",
        evidence.name(seen.machine),
        routing::moved(evidence, seen.machine),
        gaps(evidence),
    );
    Finding::new(CauseKind::Unknown, summary).seen(*seen).lost(seen.machine, "link", "last seen here")
}

/// Which machines' traces have holes.
fn gaps(evidence: &CaseEvidence<'_>) -> String {
    let holes = evidence.machines.iter().filter_map(|machine| match &machine.gap {
        Some(TraceGap::Unavailable(reason)) => Some(format!("; {} could not trace: {reason}", machine.name)),
        Some(TraceGap::Lost) => Some(format!("; the trace of {} has holes", machine.name)),
        None => None,
    });
    holes.collect()
}
