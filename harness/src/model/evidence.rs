//! What was seen on the machines: the way of a packet, differences between distros, collected files.

use std::{collections::BTreeMap, fmt, str::FromStr};

use camino::{Utf8Component, Utf8PathBuf};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::path::{ParsePathError, words};

/// The way of one case's packet, from where it enters the first machine to where it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PacketWay {
    /// Id of the case that was traced.
    pub case: String,
    /// What the packet met, in order. Consecutive steps with the same machine, direction and stage are one
    /// station of the picture.
    pub steps: Vec<WayStep>,
}

/// One thing that a packet met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WayStep {
    /// Machine that the packet was on.
    pub machine: String,
    /// Whether it was on its way to the target or back.
    #[serde(default)]
    pub direction: Direction,
    /// Netfilter hook (`prerouting`, `input`, `forward`, `output`, `postrouting`), or `routing`, `tunnel`, `link`,
    /// `socket`.
    pub stage: String,
    /// Interface by which it came, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_in: Option<String>,
    /// Interface by which it leaves or would have left, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_out: Option<String>,
    /// Table with its family (`inet firewalld`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Chain of that table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The rule's exact text; absent for a chain's policy and for what is no rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What became of the packet here.
    #[serde(default)]
    pub verdict: WayVerdict,
    /// A word for the reader: a counter that moved, where it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

words! {
    /// Which way a packet went.
    #[derive(Default)]
    Direction {
        /// From the vantage to the target.
        #[default]
        Request = "request",
        /// Back.
        Reply = "reply",
    }
}

words! {
    /// What became of a packet at one step.
    #[derive(Default)]
    WayVerdict {
        /// It went on to the next rule, chain or stage.
        #[default]
        Continue = "continue",
        /// A rule or policy accepted it: this chain is over for it.
        Accept = "accept",
        /// A socket got it.
        Delivered = "delivered",
        /// A rule or policy dropped it.
        Drop = "drop",
        /// A rule rejected it: its sender was told.
        Reject = "reject",
        /// It was seen here last, and no rule is to blame.
        Lost = "lost",
    }
}

impl WayVerdict {
    /// Whether the packet ended here without arriving.
    #[must_use]
    pub const fn ends(self) -> bool {
        matches!(self, Self::Drop | Self::Reject | Self::Lost)
    }
}

/// Something that is not the same on every distro.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Where it was found: `firewalld`, `sysctl`, `routes`, `logs`, `modules`, …
    pub area: String,
    /// What differs: `zone of cali*`, `net.ipv4.conf.all.rp_filter`, `calico-node: lines of log`.
    pub item: String,
    /// Distro id → its value, in a few words; a distro that has no such thing is absent.
    pub values: BTreeMap<String, String>,
    /// How much it bears on what fails.
    #[serde(default)]
    pub relevance: Relevance,
    /// Scenario whose machines differ; none when it is so in all of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
}

words! {
    /// How much a difference bears on what fails, the most relevant first.
    #[derive(Default)]
    Relevance {
        /// It belongs to the owner of a cause.
        Cause = "cause",
        /// It decides about packets.
        Likely = "likely",
        /// It is there.
        #[default]
        Background = "background",
    }
}

impl EvidenceFile {
    /// Whether it is in the report's folder, by its name.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        let mut parts = self.path.components();
        parts.clone().next().is_some() && parts.all(|part| matches!(part, Utf8Component::Normal(_)))
    }
}

/// A file of collected evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceFile {
    /// Machine that it was collected on.
    pub machine: String,
    /// Path, relative to the report's folder: `evidence/…`.
    #[schemars(with = "String")]
    pub path: Utf8PathBuf,
    /// Its size.
    pub bytes: u64,
}
