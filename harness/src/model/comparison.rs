//! How a run stands against a baseline: what changed, and nothing else.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::path::{ParsePathError, words};

/// How a run stands against a baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The baseline's file, as it was named.
    pub file: String,
    /// Cases and remedies that are as the baseline says.
    pub same: usize,
    /// Cases that say nothing, because the lab broke or never came to them.
    pub unjudged: usize,
    /// What changed, the worst first.
    pub changes: Vec<Change>,
}

/// One thing that is not as the baseline says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// What kind of change.
    pub kind: ChangeKind,
    /// Id of the case, or `SCENARIO::DISTRO::REMEDY`.
    pub id: String,
    /// What the baseline says; null when it has no such line.
    pub before: Option<String>,
    /// What the run shows; null when it has no such case.
    pub now: Option<String>,
}

words! {
    /// What kind of change against a baseline.
    ChangeKind {
        /// It was as expected and is not any more.
        NewFailure = "new-failure",
        /// A failure that ends otherwise than it did.
        Outcome = "outcome",
        /// The same outcome by another rule.
        Cause = "cause",
        /// A remedy does something else, or opens something else.
        Remedy = "remedy",
        /// It failed and does not any more.
        Fixed = "fixed",
        /// Another judgement on the same outcome.
        Verdict = "verdict",
        /// The baseline does not have it.
        New = "new",
        /// The run does not have it.
        Gone = "gone",
    }
}

impl ChangeKind {
    /// What it means, for a person.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NewFailure => "new failure",
            Self::Outcome => "fails otherwise",
            Self::Cause => "same outcome, another cause",
            Self::Remedy => "remedy changed",
            Self::Fixed => "fixed",
            Self::Verdict => "judged otherwise",
            Self::New => "new",
            Self::Gone => "gone",
        }
    }
}

impl Comparison {
    /// The change of this case or remedy.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<&Change> {
        self.changes.iter().find(|change| change.id == id)
    }
}

impl Change {
    /// `before → now`, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match (&self.before, &self.now) {
            (Some(before), Some(now)) => format!("{before} → {now}"),
            (None, Some(only)) => only.clone(),
            (Some(only), None) => format!("was {only}"),
            (None, None) => String::new(),
        }
    }
}
