//! What earlier runs showed of the cases of a run, as far as the report shows it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Verdict;

/// The last runs, and the cases that were not the same in all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Past {
    /// The runs, the oldest first.
    pub nights: Vec<Night>,
    /// Cases that changed or flaked in these runs.
    pub cases: Vec<PastCase>,
    /// Cases that were the same in all of them.
    pub steady: usize,
}

/// One run of the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Night {
    /// Name of the run.
    pub run: String,
    /// When it started, UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
}

/// One case over the nights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PastCase {
    /// Id of the case.
    pub id: String,
    /// Its verdict in each of the nights; null where it did not run.
    pub verdicts: Vec<Option<Verdict>>,
    /// What it shows now, in words.
    pub now: String,
    /// When it last became other than it was, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// Nights in which it flaked: its tries differed, or it was other than before and after.
    pub flakes: usize,
    /// Nights that count: in which it ran and the lab did not break.
    pub judged: usize,
}

/// The point in time at which a case became other than it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Turn {
    /// Whether it turned from as expected to not, from not to as expected, or neither.
    pub good_before: bool,
    /// See `good_before`.
    pub good_after: bool,
    /// What it was before, in words.
    pub before: String,
    /// What it is since, in words.
    pub after: String,
    /// The last night of the old state.
    pub last: Night,
    /// The first night of the new state.
    pub first: Night,
    /// What was not the same in these two nights.
    pub changed: Vec<Fact>,
}

/// Something that may bear on a result and was not the same in two nights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// What it is: `kernel`, `firewalld`, `condition forwarding off`, `manifest zeus.yaml`.
    pub what: String,
    /// Its value before; null when there was none.
    pub before: Option<String>,
    /// Its value after; null when there is none.
    pub after: Option<String>,
}
