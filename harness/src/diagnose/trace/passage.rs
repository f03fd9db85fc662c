//! One packet's passage through one machine, put together from its steps.

use std::collections::BTreeMap;

use super::{
    header::Header,
    step::{StepKind, TraceStep, Verdict},
};
use crate::diagnose::{
    TRACE_TABLE,
    hook::{Gate, Hook},
};

/// One packet on one machine, from where it came in to where it left or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The rule of our own table that marked it.
    pub mark: Option<String>,
    /// How it looked first.
    pub first: Header,
    /// How it looked last: after destination translation, with the interface that it leaves by.
    pub last: Header,
    /// The base chains that it went through, ours left out.
    pub stops: Vec<Stop>,
    /// The gates that it passed, in order.
    pub gates: Vec<Gate>,
    /// How it looked where it came into each hook, in order.
    pub entered: Vec<(Hook, Header)>,
    /// How it ended here.
    pub end: End,
}

/// A base chain that a packet went through, and what its rules did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The hook it is registered at.
    pub hook: Hook,
    /// Family and name of its table.
    pub table: String,
    /// Its name.
    pub chain: String,
    /// The packet where it entered.
    pub header: Header,
    /// Rules that matched, here and in chains jumped to: chain, text, verdict.
    pub rules: Vec<(String, String, Verdict)>,
}

/// How a packet's passage through a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A rule or a policy of nftables dropped it (`reject` drops too).
    Dropped {
        /// Hook.
        hook: Hook,
        /// Family and name of the table.
        table: String,
        /// Chain of the rule, or the base chain whose policy it was.
        chain: String,
        /// The rule's text; none is the base chain's policy.
        rule: Option<String>,
    },
    /// It went into a hook, was not dropped by nftables, and did not come out.
    Within(Hook),
    /// It came out of a hook and did not get to the next: the routing code ended it.
    After(Hook),
    /// All input chains accepted it.
    Delivered,
    /// All chains accepted it and it was given to the interface.
    Sent,
}

/// Puts a machine's steps together. Packets that our own table did not mark are left out.
#[must_use]
pub fn passages(steps: &[TraceStep]) -> Vec<Passage> {
    let mut all: Vec<Passage> = Vec::new();
    let mut open: BTreeMap<u32, usize> = BTreeMap::new();
    for step in steps {
        let own = step.table == TRACE_TABLE;
        let gate = own.then(|| gate(step)).flatten();
        if let (Some(Gate::Start(hook)), StepKind::Packet(header)) = (gate, &step.kind) {
            // The kernel's numbers recur: a packet that enters again is another one (or the same on its way back
            // in over the loopback interface).
            if hook.is_entry() {
                open.insert(step.trace_id, all.len());
                all.push(Passage::new(header));
            }
        }
        if let Some(passage) = open.get(&step.trace_id).and_then(|&index| all.get_mut(index)) {
            passage.add(step, gate, own);
        }
    }
    all
}

/// The gate that a step of our own table is at. The packet that is marked is shown first where that happens, in a chain
/// that both entries jump to: only a packet of the machine's own has come in by no interface.
fn gate(step: &TraceStep) -> Option<Gate> {
    match (Gate::of_chain(&step.chain), &step.kind) {
        (None, StepKind::Packet(header)) => {
            let entry = if header.iif.is_some() { Hook::Prerouting } else { Hook::Output };
            Some(Gate::Start(entry))
        }
        (known, _) => known,
    }
}

impl Passage {
    fn new(header: &Header) -> Self {
        let (first, last) = (header.clone(), header.clone());
        let end = End::After(Hook::Prerouting);
        Self { mark: None, first, last, stops: Vec::new(), gates: Vec::new(), entered: Vec::new(), end }
    }

    fn add(&mut self, step: &TraceStep, gate: Option<Gate>, own: bool) {
        if let StepKind::Packet(header) = &step.kind {
            self.last = (**header).clone();
        }
        if own { self.pass(gate, step) } else { self.stop(step) }
    }

    fn pass(&mut self, gate: Option<Gate>, step: &TraceStep) {
        match (&step.kind, gate) {
            (StepKind::Packet(header), Some(gate)) => {
                self.gates.push(gate);
                if let Gate::Start(hook) = gate {
                    self.entered.push((hook, (**header).clone()));
                }
                self.end = match gate {
                    Gate::Start(hook) => End::Within(hook),
                    Gate::End(Hook::Input) => End::Delivered,
                    Gate::End(Hook::Postrouting) => End::Sent,
                    Gate::End(hook) => End::After(hook),
                };
            }
            // Not the rules that only lead to those that mark.
            (StepKind::Rule { text, verdict: Verdict::Continue }, _) => {
                self.mark.get_or_insert_with(|| text.clone());
            }
            _ => {}
        }
    }

    fn stop(&mut self, step: &TraceStep) {
        let hook = self.hook();
        match &step.kind {
            StepKind::Packet(header) => self.stops.push(Stop {
                hook,
                table: step.full_table(),
                chain: step.chain.clone(),
                header: (**header).clone(),
                rules: Vec::new(),
            }),
            StepKind::Rule { text, verdict } => {
                if let Some(stop) = self.stops.last_mut() {
                    stop.rules.push((step.chain.clone(), text.clone(), verdict.clone()));
                }
                if *verdict == Verdict::Drop {
                    self.drop(hook, step, Some(text.clone()));
                }
            }
            StepKind::Policy(Verdict::Drop) => self.drop(hook, step, None),
            StepKind::Policy(_) | StepKind::Return(_) | StepKind::Conntrack(_) => {}
        }
    }

    fn drop(&mut self, hook: Hook, step: &TraceStep, rule: Option<String>) {
        self.end = End::Dropped { hook, table: step.full_table(), chain: step.chain.clone(), rule };
    }

    /// The hook that the packet is in.
    fn hook(&self) -> Hook {
        match self.gates.last() {
            Some(Gate::Start(hook) | Gate::End(hook)) => *hook,
            None => Hook::Prerouting,
        }
    }

    /// Whether the packet came as far as this hook's start.
    #[must_use]
    pub fn reached(&self, hook: Hook) -> bool {
        self.gates.contains(&Gate::Start(hook))
    }

    /// The hook where destination translation would have happened is behind it.
    #[must_use]
    pub fn past_translation(&self) -> bool {
        self.gates.iter().any(|gate| match gate {
            Gate::Start(hook) => matches!(hook, Hook::Input | Hook::Forward | Hook::Postrouting),
            Gate::End(hook) => hook.is_entry(),
        })
    }

    /// The first rule that changed the destination, with its table and chain.
    #[must_use]
    pub fn translation(&self) -> Option<(&str, &str, &str)> {
        self.stops.iter().find_map(|stop| {
            let (chain, text, _) = stop.rules.iter().find(|(_, text, _)| translates(text))?;
            Some((stop.table.as_str(), chain.as_str(), text.as_str()))
        })
    }
}

fn translates(rule: &str) -> bool {
    rule.contains("dnat to ") || rule.contains("dnat ip to ") || rule.contains("redirect")
}

#[cfg(test)]
mod tests {
    use super::{End, passages};
    use crate::diagnose::{hook::Hook, trace::parse};

    fn ends(capture: &str) -> Vec<End> {
        passages(&parse(capture).steps).into_iter().map(|passage| passage.end).collect()
    }

    #[test]
    fn a_reject_ends_the_packet_and_the_icmp_error_leaves() {
        let ends = ends(include_str!("../fixtures/firewalld-reject.trace"));
        assert_eq!(
            ends,
            [
                End::Dropped {
                    hook: Hook::Forward,
                    table: "inet firewalld".to_owned(),
                    chain: "filter_FWD_public".to_owned(),
                    rule: Some("reject with icmpx admin-prohibited".to_owned()),
                },
                End::Sent
            ]
        );
    }

    /// Of a Debian 12 machine with MicroK8s: this Linux tells of a mark only where the rule does nothing else, and of a
    /// reject after the packet that it sent.
    #[test]
    fn linux_6_1_tells_of_marks_and_rejects() {
        let all = passages(&parse(include_str!("../fixtures/firewalld-reject-linux-6.1.trace")).steps);
        let [request, error] = all.as_slice() else { panic!("{all:?}") };
        for (passage, tag) in [(request, "pathlab leg 0 forward"), (error, "pathlab leg 0 error")] {
            assert!(passage.mark.as_ref().is_some_and(|mark| mark.contains(tag)), "{passage:?}");
        }
        let End::Dropped { hook: Hook::Forward, chain, .. } = &request.end else { panic!("{:?}", request.end) };
        assert_eq!((chain.as_str(), &error.end), ("filter_FWD_public", &End::Sent));
    }

    #[test]
    fn marks_are_made_in_a_chain_that_both_entries_share() {
        let tag = "comment \"pathlab leg 0 forward\"";
        let text = format!(
            "trace id 1 inet pathlab_trace mark_0 packet: oif \"lo\" ip saddr 127.0.0.1 ip daddr 127.0.0.1\n\
             trace id 1 inet pathlab_trace mark_0 rule meta nftrace set 1 {tag} (verdict continue)\n\
             trace id 1 inet pathlab_trace mark_0 verdict continue\n\
             trace id 1 inet pathlab_trace output_start policy accept\n\
             trace id 2 inet pathlab_trace prerouting_start packet: iif \"lo\" ip saddr 127.0.0.1 ip daddr 127.0.0.1\n\
             trace id 2 inet pathlab_trace prerouting_start rule jump marks (verdict jump marks)\n\
             trace id 2 inet pathlab_trace marks rule tcp dport 9 goto mark_0 (verdict goto mark_0)\n\
             trace id 2 inet pathlab_trace mark_0 rule meta nftrace set 1 {tag} (verdict continue)\n\
             trace id 2 inet pathlab_trace prerouting_start policy accept\n"
        );
        let all = passages(&parse(&text).steps);
        let hooks: Vec<Hook> = all.iter().flat_map(|passage| &passage.entered).map(|(hook, _)| *hook).collect();
        assert_eq!(hooks, [Hook::Output, Hook::Prerouting]);
        for passage in all {
            assert!(passage.mark.as_ref().is_some_and(|mark| mark.ends_with(tag)), "{passage:?}");
            assert!(passage.stops.is_empty(), "{passage:?}");
        }
    }

    #[test]
    fn a_policy_has_no_rule() {
        let ends = ends(include_str!("../fixtures/ufw-forward.trace"));
        let [End::Dropped { hook: Hook::Forward, table, chain, rule: None }] = ends.as_slice() else {
            panic!("{ends:?}")
        };
        assert_eq!((table.as_str(), chain.as_str()), ("ip filter", "FORWARD"));
    }

    #[test]
    fn a_service_is_translated_and_answered() {
        let all = passages(&parse(include_str!("../fixtures/firewalld-service.trace")).steps);
        let (table, chain, rule) = all[0].translation().expect("translated");
        assert_eq!((table, chain), ("ip nat", "KUBE-SERVICES"));
        assert!(rule.ends_with("dnat to 10.1.0.12:8080"), "{rule}");
        assert_eq!(all[0].last.destination(), "10.1.0.12:8080".parse().ok());
        assert!(all.iter().all(|passage| passage.end == End::Sent), "{all:?}");
    }
}
