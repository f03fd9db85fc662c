//! What a diagnosis adds to the report: a packet's way, differences between distros, evidence files.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The way of a failing case's packet, hook by hook, until it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PacketWay {
    /// Id of the case that was traced.
    pub case: String,
    /// Where the packet came by, in order. The last step is where it was seen last.
    pub steps: Vec<WayStep>,
}

/// One place that a packet came by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WayStep {
    /// Machine name.
    pub machine: String,
    /// `prerouting`, `input`, `forward`, `output`, `postrouting`, `routing` or `link`.
    pub hook: String,
    /// Interface that it came in by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_in: Option<String>,
    /// Interface that it leaves by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_out: Option<String>,
    /// Table that changed or ended it, with its family: `inet firewalld`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Chain of that table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// Rule of that chain, or what was observed where no rule is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `accept`, `dnat`, `snat`, `reject`, `drop` or `lost`.
    pub verdict: String,
}

/// Something that differs between distros.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Part of the system: `firewalld`, `nftables`, `sysctl`, `routes`, `logs`, …
    pub area: String,
    /// What differs, within the area.
    pub item: String,
    /// Its value by distro id; a distro without it says `absent`.
    pub values: BTreeMap<String, String>,
    /// How much it has to do with the causes found: 100 is the cause's owner, 0 is nothing.
    pub relevance: u8,
}

/// One file of the evidence folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceFile {
    /// Machine name.
    pub machine: String,
    /// Path, relative to the report's folder.
    #[schemars(with = "String")]
    pub path: Utf8PathBuf,
    /// Its size, in bytes.
    pub bytes: u64,
}
