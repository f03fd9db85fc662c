//! One line of a baseline: what a case or a remedy is known to show.

use std::fmt;

use crate::model::{
    Outcome, RemedyVerdict, Verdict,
    report::{CaseReport, RemedyReport},
};

/// What a case or a remedy is known to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How it ends.
    pub state: State,
    /// By what: a cause's identity for a case, ports for a remedy. Empty when there is nothing to say.
    pub by: String,
}

/// How a case or a remedy ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A case, judged, and what happened. A skipped case has no outcome.
    Case(Verdict, Option<Outcome>),
    /// A remedy.
    Remedy(RemedyVerdict),
}

impl Entry {
    pub(super) fn of_case(case: &CaseReport) -> Self {
        let outcome = (case.verdict != Verdict::Skipped).then_some(case.outcome);
        // Which of its tries is the last is chance.
        let outcome = outcome.filter(|_| case.verdict != Verdict::Flaky);
        let by = case.cause.as_ref().filter(|_| outcome.is_some()).map(crate::model::report::Cause::identity);
        Self { state: State::Case(case.verdict, outcome), by: by.unwrap_or_default() }
    }

    pub(super) fn of_remedy(remedy: &RemedyReport) -> Self {
        let ports = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        let sides = [("opens", &remedy.opens), ("closes", &remedy.closes)];
        let sides = sides.into_iter().filter(|(_, list)| !list.is_empty());
        let by: Vec<String> = sides.map(|(word, list)| format!("{word} {}", ports(list))).collect();
        Self { state: State::Remedy(remedy.verdict), by: by.join(" ") }
    }

    /// Reads what stands behind the id.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (state, by) = text.split_once("  ").map_or((text, ""), |(state, by)| (state, by.trim()));
        let mut words = state.split(' ');
        let (first, second) = (words.next()?, words.next());
        let state = match (first, second, words.next()) {
            ("remedy", Some(verdict), None) => State::Remedy(verdict.parse().ok()?),
            (verdict, None, None) => State::Case(verdict.parse().ok()?, None),
            (verdict, Some(outcome), None) => State::Case(verdict.parse().ok()?, Some(outcome.parse().ok()?)),
            _ => return None,
        };
        Some(Self { state, by: by.to_owned() })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            State::Case(verdict, None) => write!(f, "{verdict}")?,
            State::Case(verdict, Some(outcome)) => write!(f, "{verdict} {outcome}")?,
            State::Remedy(verdict) => write!(f, "remedy {verdict}")?,
        }
        if self.by.is_empty() { Ok(()) } else { write!(f, "  {}", self.by) }
    }
}
