//! Reads the text of `nft monitor trace`, from nft 1.0.6 to 1.1.x. Takes any text and never panics.

use super::{
    header::Header,
    step::{StepKind, TraceStep, Verdict},
};

/// A trace as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The steps, in the order of the text.
    pub steps: Vec<TraceStep>,
    /// Lines that are no steps, as they are.
    pub other: Vec<String>,
}

impl Transcript {
    /// Whether nft says that it lost messages, so that the trace has holes.
    #[must_use]
    pub fn lost_messages(&self) -> bool {
        self.other.iter().any(|line| line.contains("lost some netlink events"))
    }
}

/// Reads a trace. Lines that are no steps are kept in [`Transcript::other`].
#[must_use]
pub fn parse(text: &str) -> Transcript {
    let mut transcript = Transcript::default();
    for line in joined(text) {
        match step(&line) {
            Some(step) => transcript.steps.push(step),
            None if line.trim().is_empty() => {}
            None => transcript.other.push(line),
        }
    }
    transcript
}

/// Lines, with a rule that nft wrapped (a large anonymous set) put back on one.
fn joined(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let goes_on = lines.last().is_some_and(|last| last.starts_with("trace id ") && unfinished(last));
        match lines.last_mut() {
            Some(last) if goes_on && line.starts_with(char::is_whitespace) && !line.trim().is_empty() => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

fn unfinished(line: &str) -> bool {
    line.contains(" rule ") && !line.trim_end().ends_with(')')
}

fn step(line: &str) -> Option<TraceStep> {
    let rest = line.trim_start().strip_prefix("trace id ")?;
    let (id, rest) = rest.split_once(' ')?;
    let trace_id = u32::from_str_radix(id, 16).ok()?;
    let (family, rest) = rest.split_once(' ')?;
    let (table, rest) = rest.split_once(' ')?;
    let (chain, rest) = rest.split_once(' ')?;
    let kind = kind(rest)?;
    Some(TraceStep { trace_id, family: family.to_owned(), table: table.to_owned(), chain: chain.to_owned(), kind })
}

fn kind(text: &str) -> Option<StepKind> {
    if let Some(header) = text.strip_prefix("packet:") {
        return Some(StepKind::Packet(Box::new(Header::parse(header))));
    }
    if let Some(state) = text.strip_prefix("conntrack:") {
        return Some(StepKind::Conntrack(state.trim().to_owned()));
    }
    if let Some(policy) = text.strip_prefix("policy ") {
        return Some(StepKind::Policy(first_verdict(policy)));
    }
    if let Some(verdict) = text.strip_prefix("verdict ") {
        return Some(StepKind::Return(first_verdict(verdict)));
    }
    if let Some(handle) = text.strip_prefix("unknown rule handle ") {
        let (handle, verdict) = with_verdict(handle)?;
        return Some(StepKind::Rule { text: format!("handle {handle}"), verdict });
    }
    let (text, verdict) = with_verdict(text.strip_prefix("rule ")?)?;
    Some(StepKind::Rule { text, verdict })
}

/// A policy or the end of a chain may have ` meta mark …` behind it.
fn first_verdict(text: &str) -> Verdict {
    Verdict::from(text.split(" meta mark ").next().unwrap_or(text))
}

/// `TEXT (verdict VERDICT)`. A comment in the rule may hold the same words: the last ones count.
fn with_verdict(text: &str) -> Option<(String, Verdict)> {
    let (rule, verdict) = text.trim_end().strip_suffix(')')?.rsplit_once("(verdict ")?;
    Some((collapsed(rule), Verdict::from(verdict)))
}

/// One space between words: iptables-nft leaves two where nft cannot show a match.
fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    use super::{StepKind, Verdict, parse};

    const CAPTURES: [&str; 8] = [
        include_str!("../fixtures/firewalld-reject.trace"),
        include_str!("../fixtures/firewalld-reject-linux-6.1.trace"),
        include_str!("../fixtures/firewalld-service.trace"),
        include_str!("../fixtures/firewalld-input.trace"),
        include_str!("../fixtures/iptables-drop.trace"),
        include_str!("../fixtures/policy-drop.trace"),
        include_str!("../fixtures/ufw-forward.trace"),
        include_str!("../fixtures/ufw-input.trace"),
    ];

    #[test]
    fn every_line_of_the_captures_is_understood() {
        for capture in CAPTURES {
            let transcript = parse(capture);
            assert_eq!(transcript.other, Vec::<String>::new());
            assert_eq!(transcript.steps.len(), capture.lines().count());
        }
    }

    #[test]
    fn the_last_step_of_a_reject_names_the_rule() {
        let transcript = parse(CAPTURES[0]);
        let last = transcript.steps.last().expect("steps");
        assert_eq!((last.full_table().as_str(), last.chain.as_str()), ("inet firewalld", "filter_FWD_public"));
        let StepKind::Rule { text, verdict } = &last.kind else { panic!("{last:?}") };
        assert_eq!((text.as_str(), verdict), ("reject with icmpx admin-prohibited", &Verdict::Drop));
    }

    #[test]
    fn newer_lines_are_read() {
        let text = "trace id 00000032 inet t PRE conntrack: ct direction original ct state new ct id 2641368242 \n\
            trace id 00000032 inet t PRE packet: iif \"enp0s3\" ip saddr 10.0.0.1 ip daddr 10.0.0.2 \n\
            trace id 00000032 inet t PRE unknown rule handle 9 (verdict continue)\n\
            trace id 00000032 inet t sub rule tcp dport { 22, 80,\n\t\t\t 443 } accept comment \"(verdict drop)\" (verdict accept)\n\
            trace id 00000032 inet t sub verdict continue meta mark 0x00000001 \n\
            trace id 00000032 inet t PRE policy drop meta mark 0x00000001 \n\
            # ERROR: We lost some netlink events!\n";
        let transcript = parse(text);
        let kinds: Vec<StepKind> = transcript.steps.iter().map(|step| step.kind.clone()).collect();
        assert_eq!(kinds[0], StepKind::Conntrack("ct direction original ct state new ct id 2641368242".to_owned()));
        assert!(matches!(&kinds[1], StepKind::Packet(header) if header.iif.as_deref() == Some("enp0s3")));
        assert_eq!(kinds[2], StepKind::Rule { text: "handle 9".to_owned(), verdict: Verdict::Continue });
        assert_eq!(
            kinds[3],
            StepKind::Rule {
                text: "tcp dport { 22, 80, 443 } accept comment \"(verdict drop)\"".to_owned(),
                verdict: Verdict::Accept
            }
        );
        assert_eq!(kinds[4], StepKind::Return(Verdict::Continue));
        assert_eq!(kinds[5], StepKind::Policy(Verdict::Drop));
        assert!(transcript.lost_messages());
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in any::<String>()) {
            let transcript = parse(&text);
            prop_assert!(transcript.steps.len() + transcript.other.len() <= text.lines().count());
        }

        #[test]
        fn mutated_captures_are_taken(
            which in 0..CAPTURES.len(),
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, ".{0,12}"), 1..12),
        ) {
            let mut text: Vec<char> = CAPTURES[which].chars().collect();
            for (at, length, put) in cuts {
                let from = at.index(text.len().max(1)).min(text.len());
                let to = (from + length).min(text.len());
                text.splice(from..to, put.chars());
            }
            let text: String = text.into_iter().collect();
            let transcript = parse(&text);
            prop_assert!(transcript.steps.len() + transcript.other.len() <= text.lines().count());
        }

        #[test]
        fn printed_steps_read_back(id in any::<u32>(), rule in "[a-z0-9 (){}\"]{1,40}", drop in any::<bool>()) {
            let verdict = if drop { "drop" } else { "accept" };
            let transcript = parse(&format!("trace id {id:08x} ip filter FORWARD rule {rule} (verdict {verdict})\n"));
            let words = rule.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(transcript.steps.len(), 1);
            prop_assert_eq!(transcript.steps[0].trace_id, id);
            prop_assert_eq!(
                &transcript.steps[0].kind,
                &StepKind::Rule { text: words, verdict: Verdict::from(verdict) }
            );
        }
    }
}
