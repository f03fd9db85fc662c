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
        trace::{End, Header, Stop, Verdict},
    },
    model::{Direction, PacketWay, WayStep, WayVerdict},
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
        if let Some(at) = steps.iter().rposition(|step: &WayStep| step.machine == machine && step.stage == lost.place) {
            steps.truncate(at);
        }
        steps.push(WayStep {
            machine: machine.to_owned(),
            direction: finding.seen.map_or(Direction::Request, |seen| direction(seen.way)),
            stage: lost.place.to_owned(),
            interface_in: header.iif,
            interface_out: header.oif,
            note: Some(lost.observed.clone()),
            verdict: WayVerdict::Lost,
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

/// What one packet met on one machine: per hook what decided about it, or that nothing did.
fn steps_of(evidence: &CaseEvidence<'_>, seen: &Seen<'_>) -> Vec<WayStep> {
    let passage = seen.passage;
    let mut steps = Vec::new();
    for (hook, header) in &passage.entered {
        let plain = plain(evidence, seen, *hook, header);
        let before = steps.len();
        for stop in passage.stops.iter().filter(|stop| stop.hook == *hook) {
            steps.extend(decisions(seen, stop).map(|(stop, chain, rule, verdict)| WayStep {
                table: Some(stop.table.clone()),
                chain: Some(chain.to_owned()),
                rule: Some(as_written(&evidence.machines[seen.machine].state, &stop.table, chain, rule)),
                verdict,
                ..plain.clone()
            }));
        }
        if steps.len() == before {
            steps.push(plain);
        }
    }
    finish(evidence, seen, &mut steps);
    steps
}

fn plain(evidence: &CaseEvidence<'_>, seen: &Seen<'_>, hook: Hook, header: &Header) -> WayStep {
    let tunnel = matches!(seen.way, Way::TunnelForward | Way::TunnelReply);
    let peer = seen.passage.first.daddr.filter(|_| tunnel && hook.is_entry());
    WayStep {
        machine: evidence.name(seen.machine).to_owned(),
        direction: direction(seen.way),
        stage: hook.as_str().to_owned(),
        interface_in: header.iif.clone(),
        interface_out: header.oif.clone(),
        note: peer.map(|peer| format!("as a VXLAN packet to {peer}")),
        ..WayStep::default()
    }
}

const fn direction(way: Way) -> Direction {
    match way {
        Way::Forward | Way::TunnelForward => Direction::Request,
        Way::Reply | Way::TunnelReply | Way::Error => Direction::Reply,
    }
}

/// The rules of a base chain that decided something: changed an address, accepted, or sent the packet off for good.
fn decisions<'a>(seen: &Seen<'_>, stop: &'a Stop) -> impl Iterator<Item = (&'a Stop, &'a str, &'a str, WayVerdict)> {
    let ends = ended_in(seen, stop);
    stop.rules.iter().filter_map(move |(chain, text, verdict)| {
        let verdict = match verdict {
            Verdict::Accept => WayVerdict::Accept,
            Verdict::Goto(_) if ends => WayVerdict::Continue,
            _ => return None,
        };
        Some((stop, chain.as_str(), text.as_str(), verdict))
    })
}

/// Whether the packet ended in this base chain.
fn ended_in(seen: &Seen<'_>, stop: &Stop) -> bool {
    let last = seen.passage.stops.last();
    matches!(seen.passage.end, End::Dropped { .. }) && last.is_some_and(|last| std::ptr::eq(last, stop))
}

/// The rule that ended the packet, or the socket that got it.
fn finish(evidence: &CaseEvidence<'_>, seen: &Seen<'_>, steps: &mut Vec<WayStep>) {
    let Some(last) = steps.last().cloned() else { return };
    match &seen.passage.end {
        End::Dropped { table, chain, rule, .. } => {
            let state = &evidence.machines[seen.machine].state;
            let rejects = rule.as_ref().is_some_and(|rule| rule.contains("reject"));
            let ending = WayStep {
                table: Some(table.clone()),
                chain: Some(chain.clone()),
                rule: rule.as_ref().map(|rule| as_written(state, table, chain, rule)),
                verdict: if rejects { WayVerdict::Reject } else { WayVerdict::Drop },
                note: rule.is_none().then(|| "the chain's policy".to_owned()),
                ..last.clone()
            };
            // A hook where nothing else decided needs no step of its own.
            if last.table.is_none() {
                steps.pop();
            }
            steps.push(ending);
        }
        End::Delivered => {
            if let Some(last) = steps.last_mut().filter(|last| last.table.is_none()) {
                last.verdict = WayVerdict::Delivered;
            }
        }
        End::Within(_) | End::After(_) | End::Sent => {}
    }
}
