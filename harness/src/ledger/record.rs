//! What a ledger says of one lab.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{LabName, ProcessId, Resource};

/// How far a lab has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is being made.
    Making,
    /// It is up.
    Up,
    /// It is being taken down, or that did not work.
    Down,
    /// Nobody needs it now: its machines do not run, and a later run returns to their checkpoint.
    Kept,
}

/// How far a resource has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It may exist.
    Planned,
    /// It exists.
    Made,
}

/// A resource of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What it is.
    pub resource: Resource,
    /// How far it has come.
    pub stage: Stage,
}

/// What is known of a lab before anything of it exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What makes its machines: `netns`, `libvirt`, …
    pub provider: String,
    /// What else its maker wants to find again: how it was asked for, for instance.
    #[serde(default)]
    pub details: Value,
}

impl About {
    /// A lab of this provider.
    #[must_use]
    pub fn new(provider: &str) -> Self {
        Self { provider: provider.to_owned(), details: Value::Null }
    }

    /// The same with these details.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}

/// What the ledger says of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format.
    pub format: u32,
    /// The lab's name.
    pub name: LabName,
    /// Unique for ever: what is made for the lab carries it, so that nothing else is taken for the lab's.
    pub id: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The process that asked for it.
    pub asked_by: ProcessId,
    /// The process that owns it, or did.
    pub owner: ProcessId,
    /// How far it has come.
    pub state: State,
    /// What it is.
    pub about: About,
    /// What it holds, in the order of making.
    pub resources: Vec<Held>,
}
