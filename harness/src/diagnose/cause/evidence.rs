//! Everything that a cause is derived from.

use std::collections::BTreeSet;

use lab_agent::protocol::ProbeResult;

use super::{flow::Flow, routing, rule};
use crate::diagnose::{
    context::CaseContext,
    hook::Hook,
    session::{Leg, TraceGap},
    state::{Counters, LegacyCounters, MachineState, RouteQuery},
    trace::{End, Passage},
};

/// What is known of one failing case.
#[derive(Clone, Debug)]
pub struct CaseEvidence<'a> {
    /// The case.
    pub context: &'a CaseContext,
    /// All legs of the batch it was traced in; tags refer to them.
    pub legs: &'a [Leg],
    /// Index of the case in the batch's legs.
    pub case: usize,
    /// The machines, in the order that the context's indices refer to.
    pub machines: &'a [MachineEvidence],
    /// How the repeated probe ended.
    pub again: Option<&'a ProbeResult>,
}

/// What is known of one machine.
#[derive(Clone, Debug, Default)]
pub struct MachineEvidence {
    /// Its name.
    pub name: String,
    /// The marked packets that it saw.
    pub passages: Vec<Passage>,
    /// Why packets may be missing.
    pub gap: Option<TraceGap>,
    /// Counters that moved meanwhile.
    pub moved: Counters,
    /// Legacy rules that matched meanwhile.
    pub legacy: LegacyCounters,
    /// Its state.
    pub state: MachineState,
}

impl<'a> CaseEvidence<'a> {
    /// The case's own legs with their packets.
    pub(super) fn flows(&self) -> impl Iterator<Item = Flow<'a>> + '_ {
        self.legs
            .iter()
            .enumerate()
            .filter(|(_, leg)| leg.case == self.case)
            .map(|(index, leg)| Flow::new(self.marked_as(index, leg), leg, self.machines))
    }

    /// The leg whose mark this leg's packets bear: two ingress cases have the same connection behind the ingress, and
    /// the first one's rules mark it.
    fn marked_as(&self, index: usize, leg: &Leg) -> usize {
        let same = |other: &Leg| other.selector == leg.selector && other.transport == leg.transport;
        self.legs.iter().position(same).unwrap_or(index)
    }

    /// Id of a machine's distro.
    pub(super) fn distro(&self, machine: usize) -> &'a str {
        self.context.distros.get(machine).map_or("the machine", String::as_str)
    }

    /// Name of a machine.
    pub(super) fn name(&self, machine: usize) -> &'a str {
        self.machines.get(machine).map_or("the machine", |machine| machine.name.as_str())
    }
}

/// What to ask a machine's routing code, so that the cause of what it saw can be derived.
#[must_use]
pub fn route_queries(passages: &[Passage], legs: &[Leg]) -> Vec<RouteQuery> {
    let mut queries = BTreeSet::new();
    for leg in legs {
        queries.insert(RouteQuery::own(leg.destination.ip()));
        queries.extend(leg.backends.iter().map(|backend| RouteQuery::own(backend.address.ip())));
        queries.extend(leg.sources.iter().filter_map(|source| source.address).map(RouteQuery::own));
    }
    for passage in passages {
        let (to, from) = (passage.last.daddr, passage.last.saddr);
        queries.extend(to.map(RouteQuery::own));
        queries.extend(from.map(RouteQuery::own));
        if let (End::After(_), Some(to), Some(from), Some(iif)) = (&passage.end, to, from, &passage.last.iif) {
            queries.insert(RouteQuery::through(to, from, iif));
        }
        if passage.end == End::Sent {
            queries.extend(rule::question(passage));
        }
    }
    queries.into_iter().collect()
}

/// What to ask next, once [`route_queries`] are answered: the way back of what the routing code ended, from where it
/// was for.
#[must_use]
pub fn reverse_queries(passages: &[Passage], state: &MachineState) -> Vec<RouteQuery> {
    let ended = passages.iter().filter(|passage| passage.end == End::After(Hook::Prerouting));
    ended.filter_map(|passage| routing::way_back(state, &passage.last)).collect::<BTreeSet<_>>().into_iter().collect()
}
