//! The packet's way, as the report shows it.

use super::{
    evidence::CaseEvidence,
    finding::Finding,
    firewall::as_written,
    flow::{Flow, Seen},
};
use crate::{
    diagnose::{
        hook::Hook,
        session::Way,
        trace::{End, Header, Stop},
    },
    model::diagnosis::{PacketWay, WayStep},
};

/// The way up to where the finding says that it ends.
pub(super) fn of(evidence: &CaseEvidence<'_>, flow: Option<&Flow<'_>>, finding: &Finding<'_>) -> PacketWay {
    let mut steps = Vec::new();
    for seen in flow.map(|flow| passages(evidence, flow, finding)).unwrap_or_default() {
        steps.extend(steps_of(evidence, &seen));
    }
    if let Some(lost) = &finding.lost {
        let header = finding.seen.map(|seen| seen.passage.last.clone()).unwrap_or_default();
        // What a hook failed to do is lost there, wherever the packet went afterwards.
        let machine = evidence.name(lost.machine);
        if let Some(at) = steps.iter().rposition(|step: &WayStep| step.machine == machine && step.hook == lost.place) {
            steps.truncate(at);
        }
        steps.push(WayStep {
            machine: evidence.name(lost.machine).to_owned(),
            hook: lost.place.to_owned(),
            interface_in: header.iif,
            interface_out: header.oif,
            rule: Some(lost.observed.clone()),
            verdict: "lost".to_owned(),
            ..WayStep::default()
        });
    }
    PacketWay { case: evidence.context.case.clone(), steps }
}

/// One packet per machine and way, in the order in which it comes by: out through the source's machine, over the
/// tunnel, in on the backend's machine, and back as far as the finding goes.
fn passages<'a>(evidence: &CaseEvidence<'a>, flow: &Flow<'a>, finding: &Finding<'a>) -> Vec<Seen<'a>> {
    let backend = flow.leg.backends.first().map(|backend| backend.machine);
    let source = flow.leg.sources.first().and_then(|source| source.machine);
    let mut machines: Vec<usize> = (0..evidence.machines.len()).collect();
    machines.sort_by_key(|machine| (Some(*machine) == backend && backend != source, Some(*machine) != source));
    let out = stages(&machines, [Way::Forward, Way::TunnelForward]);
    machines.reverse();
    let back = stages(&machines, [Way::Reply, Way::TunnelReply]);
    let mut all = Vec::new();
    for (machine, way) in out.into_iter().chain(back) {
        let ends_here = finding.seen.filter(|seen| (seen.machine, seen.way) == (machine, way));
        if let Some(seen) = ends_here.or_else(|| flow.furthest(way, machine).copied()) {
            all.push(seen);
        }
        if ends_here.is_some() {
            break;
        }
    }
    all
}

/// On the machine where a way starts the packet itself comes before the tunnel's, elsewhere after it.
fn stages(machines: &[usize], [inner, outer]: [Way; 2]) -> Vec<(usize, Way)> {
    let mut stages = Vec::new();
    for (at, machine) in machines.iter().enumerate() {
        if at == 0 {
            stages.extend([(*machine, inner), (*machine, outer)]);
        } else {
            stages.extend([(*machine, outer), (*machine, inner)]);
        }
    }
    stages
}

fn steps_of(evidence: &CaseEvidence<'_>, seen: &Seen<'_>) -> Vec<WayStep> {
    let passage = seen.passage;
    let mut steps = Vec::new();
    for (hook, header) in &passage.entered {
        let here: Vec<&Stop> = passage.stops.iter().filter(|stop| stop.hook == *hook).collect();
        let mut step = accepted(evidence, seen, *hook, header);
        if let Some((table, chain, rule, verdict)) = translation(&here) {
            step.rule = Some(as_written(&evidence.machines[seen.machine].state, table, chain, rule));
            (step.table, step.chain) = (Some(table.to_owned()), Some(chain.to_owned()));
            verdict.clone_into(&mut step.verdict);
        }
        steps.push(step);
    }
    if let (End::Dropped { table, chain, rule, .. }, Some(last)) = (&passage.end, steps.last_mut()) {
        let state = &evidence.machines[seen.machine].state;
        last.table = Some(table.clone());
        last.chain = Some(chain.clone());
        last.rule =
            Some(rule.as_ref().map_or_else(|| "policy drop".to_owned(), |rule| as_written(state, table, chain, rule)));
        let rejects = rule.as_ref().is_some_and(|rule| rule.contains("reject"));
        if rejects { "reject" } else { "drop" }.clone_into(&mut last.verdict);
    }
    steps
}

fn accepted(evidence: &CaseEvidence<'_>, seen: &Seen<'_>, hook: Hook, header: &Header) -> WayStep {
    WayStep {
        machine: evidence.name(seen.machine).to_owned(),
        hook: hook.as_str().to_owned(),
        interface_in: header.iif.clone(),
        interface_out: header.oif.clone(),
        verdict: "accept".to_owned(),
        ..WayStep::default()
    }
}

/// The rule that changed an address in this hook.
fn translation<'a>(stops: &[&'a Stop]) -> Option<(&'a str, &'a str, &'a str, &'static str)> {
    stops.iter().find_map(|stop| {
        stop.rules.iter().find_map(|(chain, text, _)| {
            let verdict = if text.contains("dnat ") && text.contains(" to ") {
                "dnat"
            } else if text.contains("masquerade") || text.contains("snat ") {
                "snat"
            } else {
                return None;
            };
            Some((stop.table.as_str(), chain.as_str(), text.as_str(), verdict))
        })
    })
}
