//! What one step of the derivation found.

use super::flow::Seen;
use crate::model::report::{Cause, CauseKind};

/// A cause and where it shows.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    /// The cause.
    pub cause: Cause,
    /// The packet that ended, as far as it was seen.
    pub seen: Option<Seen<'a>>,
    /// Where it was lost when no rule ended it.
    pub lost: Option<Lost>,
}

/// Where a packet was lost without a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Index of the machine.
    pub machine: usize,
    /// `routing` or `link`, or the hook.
    pub place: &'static str,
    /// What was observed.
    pub observed: String,
}

impl<'a> Finding<'a> {
    /// A cause without a rule.
    pub fn new(kind: CauseKind, summary: String) -> Self {
        let cause = Cause { kind, table: None, chain: None, rule: None, owner: None, summary };
        Self { cause, seen: None, lost: None }
    }

    /// The same with the packet that shows it.
    pub fn seen(mut self, seen: Seen<'a>) -> Self {
        self.seen = Some(seen);
        self
    }

    /// The same with the place where the packet was lost.
    pub fn lost(mut self, machine: usize, place: &'static str, observed: impl Into<String>) -> Self {
        self.lost = Some(Lost { machine, place, observed: observed.into() });
        self
    }

    /// The machine that it speaks of.
    pub fn machine(&self) -> Option<usize> {
        self.lost.as_ref().map(|lost| lost.machine).or_else(|| self.seen.map(|seen| seen.machine))
    }

    /// The same with the setting that is to blame.
    pub fn setting(mut self, setting: String) -> Self {
        self.cause.rule = Some(setting);
        self
    }
}
