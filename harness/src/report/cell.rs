//! What one cell of the matrix says: the outcome in a word, and how it stands to what was expected.

use crate::model::{Outcome, Verdict, report::CaseReport};

/// The outcome's name; both or all of them when tries differ; `skipped` when there was none.
pub(super) fn outcome(case: &CaseReport) -> String {
    match case.verdict {
        Verdict::Skipped => "skipped".to_owned(),
        Verdict::Flaky => {
            let mut outcomes: Vec<String> = case.tries.iter().map(|one| one.outcome.to_string()).collect();
            outcomes.dedup();
            if outcomes.is_empty() { case.outcome.to_string() } else { outcomes.join("/") }
        }
        _ => case.outcome.to_string(),
    }
}

/// How the outcome stands to what was expected, where that does not go without saying.
pub(super) fn note(case: &CaseReport) -> Option<&'static str> {
    match case.verdict {
        Verdict::Pass if case.outcome == Outcome::Ok => None,
        Verdict::Pass => Some("expected"),
        Verdict::Fail => Some("FAIL"),
        Verdict::Known => Some("known"),
        Verdict::Fixed => Some("fixed"),
        Verdict::Flaky => Some("flaky"),
        Verdict::Skipped => None,
        Verdict::Error => Some("lab"),
    }
}

/// What a note means, for the legend.
pub(super) const NOTES: [(&str, &str); 6] = [
    ("expected", "the scenario expects this path to be blocked"),
    ("known", "fails exactly as a known issue says"),
    ("fixed", "a known issue that no longer shows"),
    ("flaky", "differs between tries"),
    ("FAIL", "not as expected"),
    ("lab", "the lab's own fault, says nothing about the network"),
];

/// The mark that stands for a verdict in small spaces, beside its word, never instead of it.
pub(super) const fn mark(verdict: Verdict, unicode: bool) -> &'static str {
    match (verdict, unicode) {
        (Verdict::Pass, true) => "✓",
        (Verdict::Pass, false) => "+",
        (Verdict::Known, _) => "~",
        (Verdict::Skipped, true) => "–",
        (Verdict::Skipped, false) => "-",
        (Verdict::Flaky | Verdict::Fixed, _) => "?",
        (Verdict::Fail, true) => "✗",
        (Verdict::Fail, false) => "x",
        (Verdict::Error, _) => "!",
    }
}
