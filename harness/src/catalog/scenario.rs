//! A scenario: manifests, the access paths to try, host conditions, known issues, remedies.

use std::{fmt, sync::Arc, time::Duration};

use camino::Utf8PathBuf;
use miette::SourceSpan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    distro::{Distro, FirewallKind},
    microk8s::MicroK8sChoice,
    problem::CatalogError,
    source::{Source, shown},
};
use crate::model::{AccessPath, Outcome, ProviderKind, RemedyVerdict};

/// A scenario that has been read and checked: every name is resolved, every path expanded.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Unique name, the folder's name: `pod-ip-502`.
    pub id: String,
    /// One line that says what goes wrong.
    pub title: String,
    /// Upstream reports: `canonical/microk8s#4903`.
    pub upstream: Vec<String>,
    /// The folder.
    pub dir: Utf8PathBuf,
    /// Its file.
    pub source: Source,
    /// Distros to run when the command line names none.
    pub distros: Vec<Arc<Distro>>,
    /// Machines of each cluster.
    pub nodes: Nodes,
    /// Manifests in the order in which they are applied.
    pub manifests: Vec<Manifest>,
    /// The service whose pods answer.
    pub backend: Backend,
    /// The backend's place in the file.
    pub backend_place: SourceSpan,
    /// The access paths, expanded, in the order of the file; no path stands twice.
    pub paths: Vec<PathSpec>,
    /// How the hosts differ from their distro's own policy.
    pub conditions: Vec<Condition>,
    /// What is known to fail.
    pub known_issues: Vec<KnownIssue>,
    /// Proposed fixes, in the order of the file.
    pub remedies: Vec<Remedy>,
    /// Time limit of one probe.
    pub probe_timeout: Duration,
    /// The network between the machines.
    pub underlay: Underlay,
    /// The MicroK8s that it wants, where its cluster is one.
    pub microk8s: MicroK8sChoice,
    /// Which providers can carry it; none means all.
    pub carriers: Option<Carriers>,
}

/// The providers that can carry a scenario which not all of them can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carriers {
    /// The providers.
    pub providers: Vec<ProviderKind>,
    /// Why the others cannot.
    pub needs: String,
}

/// Machines of a cluster.
#[derive(Clone, Debug)]
pub enum Nodes {
    /// This many machines (1 to 5), all of the distro under test.
    Count(u8),
    /// One machine per entry, whatever distro is under test.
    Mixed(Vec<Arc<Distro>>),
}

/// A manifest file and its bytes, as they are deployed everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Path relative to the scenario's folder.
    pub path: Utf8PathBuf,
    /// The file's content.
    pub text: Arc<str>,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
}

/// The service whose pods answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// Service name.
    pub service: String,
    /// Namespace of the service.
    #[serde(default = "default_namespace")]
    pub namespace: String,
}

/// One access path with what is sent and what is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathSpec {
    /// From where to what.
    pub path: AccessPath,
    /// HTTP request, for HTTP paths.
    pub http: HttpRequest,
    /// Service port to use where the service has several; none means the first that fits the protocol.
    pub port: Option<u16>,
    /// What is right.
    pub expect: Expect,
    /// How many times the exchange is made, one after the other (at least 1).
    pub repeat: u32,
    /// Its place in the scenario's file.
    pub place: SourceSpan,
}

/// What an HTTP path asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// Path of the URL.
    #[serde(default = "root_path")]
    pub path: String,
    /// `Host` header; none means the address that is connected to.
    #[serde(default)]
    pub host: Option<String>,
}

/// What is right for a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The right answer from a right backend, with this source address seen by the backend.
    Ok(ExpectedSource),
    /// No answer: `rejected`, `refused` or `timeout`.
    Blocked,
    /// Exactly this outcome.
    Outcome(Outcome),
}

/// Which source address the backend must see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedSource {
    /// Any.
    #[default]
    Any,
    /// The prober's own address.
    Preserved,
    /// An address of a node.
    Node,
}

/// Shell lines that make hosts differ from their distro's own policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it is, for people.
    pub name: String,
    /// Ids of the distros it is for; empty means all.
    pub on: Vec<String>,
    /// Machines it is for, counted from 1; empty means all.
    pub machines: Vec<u8>,
    /// Which hosts it is for; none means all.
    pub applies_to: Option<AppliesTo>,
    /// When it happens.
    pub when: When,
    /// Shell lines, run as root, in order.
    pub run: Vec<String>,
    /// Whether the cluster's proxy writes again what the lines have flushed, as it does within half a minute,
    /// before anything else happens. Otherwise everything is seen in the time until then.
    pub resync: bool,
}

/// A moment in the life of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// The host policy is applied, the cluster is not there yet.
    BeforeCluster,
    /// The cluster runs, nothing is deployed yet.
    AfterCluster,
    /// The manifests are deployed and ready.
    AfterDeploy,
}

/// A failure that is known and expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownIssue {
    /// Distro id.
    pub distro: String,
    /// Upstream report.
    pub upstream: String,
    /// The paths it is about.
    pub paths: Vec<AccessPath>,
    /// How they end.
    pub outcome: Outcome,
    /// Only with this remedy; none means as installed and with every remedy.
    pub remedy: Option<String>,
}

/// A change somebody proposes as the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// Unique within the scenario.
    pub id: String,
    /// One line.
    pub title: String,
    /// What the scenario's author thinks of it.
    pub recommended: bool,
    /// Which hosts it is for; none means all.
    pub applies_to: Option<AppliesTo>,
    /// Shell lines, run as root on every machine, in order.
    pub run: Vec<String>,
    /// What a run is known to show of it.
    pub verdict: Option<RemedyVerdict>,
}

/// Which hosts a condition or a remedy is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppliesTo {
    /// Hosts with this firewall.
    Firewall(FirewallKind),
    /// Hosts of this distro (id).
    Distro(String),
}

/// The network between the machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Underlay {
    /// Its MTU, in bytes (1280 to 9000).
    #[serde(default = "ethernet_mtu")]
    pub mtu: u16,
    /// How many packets of a hundred are lost.
    #[serde(default)]
    pub loss: u8,
    /// Whether the hosts' interfaces cut and checksum packets themselves; none means as the MTU needs it.
    #[serde(default)]
    pub offloads: Option<bool>,
}

impl Underlay {
    /// The MTU that the hosts' interfaces have, in bytes: a network that carries less than an Ethernet does not tell.
    #[must_use]
    pub fn host_mtu(&self) -> u16 {
        self.mtu.max(ethernet_mtu())
    }

    /// Whether the hosts' interfaces cut and checksum packets themselves. Packets that only a driver would cut never
    /// meet a small MTU.
    #[must_use]
    pub fn offloaded(&self) -> bool {
        self.offloads.unwrap_or(self.mtu >= ethernet_mtu())
    }
}

impl Scenario {
    /// A problem at a place of the scenario's file.
    #[must_use]
    pub fn problem(&self, place: SourceSpan, message: impl Into<String>) -> CatalogError {
        self.source.error(place, message)
    }

    /// The folder as messages show it.
    #[must_use]
    pub fn shown_dir(&self) -> String {
        shown(&self.dir)
    }

    /// What the provider lacks to carry this scenario; none when it can.
    #[must_use]
    pub fn lacking(&self, provider: ProviderKind) -> Option<&str> {
        self.carriers
            .as_ref()
            .filter(|carriers| !carriers.providers.contains(&provider))
            .map(|carriers| carriers.needs.as_str())
    }
}

impl Nodes {
    /// How many machines a cluster has.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Count(count) => usize::from(*count),
            Self::Mixed(distros) => distros.len(),
        }
    }
}

impl Expect {
    /// Whether a path that ends like this is as expected, the source address left aside.
    #[must_use]
    pub fn allows(self, outcome: Outcome) -> bool {
        match self {
            Self::Ok(_) => outcome == Outcome::Ok,
            Self::Blocked => matches!(outcome, Outcome::Rejected | Outcome::Refused | Outcome::Timeout),
            Self::Outcome(expected) => outcome == expected,
        }
    }
}

/// The word of reports: an outcome, or `blocked`.
impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok(_) => f.pad("ok"),
            Self::Blocked => f.pad("blocked"),
            Self::Outcome(outcome) => fmt::Display::fmt(outcome, f),
        }
    }
}

impl Default for HttpRequest {
    fn default() -> Self {
        Self { path: root_path(), host: None }
    }
}

impl Default for Underlay {
    fn default() -> Self {
        Self { mtu: ethernet_mtu(), loss: 0, offloads: None }
    }
}

impl Condition {
    /// Whether the condition is for this machine, counted from 1, of this distro.
    #[must_use]
    pub fn applies(&self, number: u8, distro: &Distro) -> bool {
        (self.machines.is_empty() || self.machines.contains(&number))
            && (self.on.is_empty() || self.on.contains(&distro.id))
            && self.applies_to.as_ref().is_none_or(|hosts| hosts.holds(distro))
    }

    /// The hosts that it is for, for people; none means all.
    #[must_use]
    pub fn hosts(&self) -> Option<String> {
        let on = (!self.on.is_empty()).then(|| self.on.join(", "));
        let kind = self.applies_to.as_ref().map(ToString::to_string);
        match (on, kind) {
            (Some(on), Some(kind)) => Some(format!("{kind} of {on}")),
            (on, kind) => on.or(kind),
        }
    }
}

impl Remedy {
    /// Whether the remedy is for this distro.
    #[must_use]
    pub fn applies(&self, distro: &Distro) -> bool {
        self.applies_to.as_ref().is_none_or(|hosts| hosts.holds(distro))
    }
}

impl AppliesTo {
    fn holds(&self, distro: &Distro) -> bool {
        match self {
            Self::Firewall(kind) => distro.policy.firewall.kind() == Some(*kind),
            Self::Distro(id) => *id == distro.id,
        }
    }

    /// The word of the scenario's file: `firewalld`, `ufw`, or the id of a distro.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Firewall(kind) => kind.to_string(),
            Self::Distro(id) => id.clone(),
        }
    }
}

/// The hosts, for people.
impl fmt::Display for AppliesTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Firewall(kind) => write!(f, "hosts with {kind}"),
            Self::Distro(id) => f.write_str(id),
        }
    }
}

fn default_namespace() -> String {
    "default".to_owned()
}

fn root_path() -> String {
    "/".to_owned()
}

const fn ethernet_mtu() -> u16 {
    1500
}
