//! The history: what runs showed, night for night, in one `SQLite` file, and what can be read from it.
//!
//! It informs and never decides: a history that cannot be read or written is a warning, and the run goes on.

mod analyse;
mod facts;
mod place;
mod schema;
mod segment;
mod store;
#[cfg(test)]
mod tests;

pub use self::{
    analyse::analyse,
    place::{KEEP, default_path},
    store::{History, HistoryError, Lab},
};

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{Outcome, Verdict};

/// What one run showed of some cases, as the history holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// Name of the run.
    pub name: String,
    /// When it started, UTC.
    pub started_at: Timestamp,
    /// What may bear on results, by scope (empty: the whole run; else a distro's or a scenario's id, or
    /// `SCENARIO::REMEDY`) and name.
    pub facts: BTreeMap<(String, String), String>,
    /// Cases by id.
    pub cases: BTreeMap<String, CaseRecord>,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseRecord {
    /// The verdict.
    pub verdict: Verdict,
    /// The outcome.
    pub outcome: Outcome,
    /// The cause's identity; empty for none.
    pub cause: String,
}
