//! A leg's packets, on all machines, both ways: which of the marked packets are its own.

use super::evidence::MachineEvidence;
use crate::diagnose::{
    session::{Leg, Subject, Tag, Way},
    trace::Passage,
};

/// One packet of a leg on one machine.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Index of the machine.
    pub machine: usize,
    /// Which way it goes.
    pub way: Way,
    /// The packet.
    pub passage: &'a Passage,
}

/// A leg's packets.
#[derive(Clone, Debug)]
pub struct Flow<'a> {
    /// The leg.
    pub leg: &'a Leg,
    /// Its packets, machine by machine, in the order of time on each.
    pub seen: Vec<Seen<'a>>,
}

impl<'a> Flow<'a> {
    /// Picks a leg's packets out of all that were marked.
    pub fn new(index: usize, leg: &'a Leg, machines: &'a [MachineEvidence]) -> Self {
        let tagged: Vec<(Tag, Seen<'a>)> = machines
            .iter()
            .enumerate()
            .flat_map(|(machine, evidence)| evidence.passages.iter().map(move |passage| (machine, passage)))
            .filter_map(|(machine, passage)| {
                let tag = Tag::of_rule(passage.mark.as_deref()?)?;
                let way = tag.way;
                Some((tag, Seen { machine, way, passage }))
            })
            .collect();
        let own = |(tag, seen): &(Tag, Seen<'a>)| (tag.subject == Subject::Leg(index)).then_some(*seen);
        let shared = |(tag, seen): &(Tag, Seen<'a>)| match tag.subject {
            Subject::Backend(address) if leg.backend(address).is_some() => Some(*seen),
            _ => None,
        };
        let mut flow = Self { leg, seen: tagged.iter().filter_map(own).collect() };
        let shared: Vec<Seen<'a>> = tagged.iter().filter_map(shared).collect();
        flow.adopt(&shared);
        flow.seen.sort_by_key(|seen| seen.machine);
        flow
    }

    /// Adds packets that are known by the backend's address only: those that this leg's packets became after a
    /// translation of their source.
    fn adopt(&mut self, shared: &[Seen<'a>]) {
        let forward: Vec<Seen<'a>> = shared.iter().filter(|seen| self.became(seen)).copied().collect();
        let sources: Vec<_> = forward.iter().filter_map(|seen| seen.passage.first.source()).collect();
        let answers = |seen: &&Seen<'a>| {
            seen.way == Way::Reply
                && seen.passage.first.destination().is_some_and(|destination| sources.contains(&destination))
        };
        let replies: Vec<Seen<'a>> = shared.iter().filter(answers).copied().collect();
        self.seen.extend(forward);
        self.seen.extend(replies);
        for way in [Way::Reply, Way::TunnelForward, Way::TunnelReply] {
            // Nothing tells these from another leg's to the same backend; where the leg has none that are surely
            // its own they stand for them.
            if self.seen.iter().all(|seen| seen.way != way) {
                self.seen.extend(shared.iter().filter(|seen| seen.way == way));
            }
        }
    }

    /// Whether this is one of the leg's packets, further on: IPv4 keeps its identification.
    fn became(&self, other: &Seen<'a>) -> bool {
        other.way == Way::Forward
            && self.forward().any(|own| {
                let (before, after) = (&own.passage.last, &other.passage.first);
                own.machine != other.machine
                    && before.id.is_some_and(|id| id != 0)
                    && (before.id, before.daddr, before.dport) == (after.id, after.daddr, after.dport)
            })
    }

    /// Packets of one way.
    pub fn way(&self, way: Way) -> impl Iterator<Item = &Seen<'a>> {
        self.seen.iter().filter(move |seen| seen.way == way)
    }

    /// Packets towards the backend.
    pub fn forward(&self) -> impl Iterator<Item = &Seen<'a>> {
        self.way(Way::Forward)
    }

    /// The packet of this way that came furthest, on this machine.
    pub fn furthest(&self, way: Way, machine: usize) -> Option<&Seen<'a>> {
        self.way(way).filter(|seen| seen.machine == machine).max_by_key(|seen| seen.passage.gates.len())
    }
}
