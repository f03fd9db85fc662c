//! `scenario.yaml` as it is written; [`Scenario`](super::scenario::Scenario) is what becomes of it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    at::At,
    expect_file::{ExpectFile, OutcomeWord},
    many::Many,
    nodes_file::NodesFile,
    scenario::{Backend, HttpRequest, When},
};
use crate::model::{IpFamily, Payload, Protocol, ProviderKind, RemedyVerdict, Target, Vantage};

/// A scenario: manifests, the access paths to try, host conditions, known issues, remedies.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// Unique name in kebab-case, the folder's name.
    pub id: At<String>,
    /// One line that says what goes wrong.
    pub title: At<String>,
    /// Upstream reports: `canonical/microk8s#4903` or a URL.
    #[serde(default)]
    pub upstream: Option<Vec<At<String>>>,
    /// Distros (ids or aliases) to run when the command line names none.
    #[serde(default)]
    pub distros: Option<Vec<At<String>>>,
    /// Machines of each cluster: a number from 1 to 5 (default 1), or the distro of each machine.
    #[serde(default)]
    pub nodes: Option<At<NodesFile>>,
    /// Kubernetes manifests in the order in which they are applied, relative to the folder.
    pub manifests: At<Vec<At<String>>>,
    /// The service whose pods answer.
    pub backend: At<Backend>,
    /// Access paths: every combination of an entry is one case.
    pub paths: At<Vec<At<PathsFile>>>,
    /// How the hosts differ from their distro's own policy.
    #[serde(default)]
    pub conditions: Option<Vec<At<ConditionFile>>>,
    /// What is known to fail.
    #[serde(default)]
    pub known_issues: Option<Vec<At<KnownIssueFile>>>,
    /// Proposed fixes.
    #[serde(default)]
    pub remedies: Option<Vec<At<RemedyFile>>>,
    /// Time limit of one probe: `2s` (the default), `500ms`.
    #[serde(default)]
    pub timeout: Option<At<String>>,
    /// The network between the machines.
    #[serde(default)]
    pub underlay: Option<At<UnderlayFile>>,
    /// The MicroK8s that it wants, where its cluster is one.
    #[serde(default)]
    pub microk8s: Option<MicroK8sFile>,
    /// The providers that can carry it; all when absent.
    #[serde(default)]
    #[schemars(with = "Option<Vec<ProviderKind>>")]
    pub providers: Option<At<Vec<At<String>>>>,
    /// Why not every provider can carry it; goes with `providers`.
    #[serde(default)]
    pub needs: Option<At<String>>,
}

/// Access paths: every combination of `from`, `to`, `protocol` and `payload`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathsFile {
    /// Where the connections start.
    pub from: Many<Vantage>,
    /// What they aim at.
    pub to: Many<Target>,
    /// Over what; `http` when absent, `udp` for the target `dns`.
    #[serde(default)]
    pub protocol: Option<Many<Protocol>>,
    /// With how much; `small` when absent.
    #[serde(default)]
    pub payload: Option<Many<Payload>>,
    /// Over which version of IP; `ipv4` when absent.
    #[serde(default)]
    pub family: Option<Many<IpFamily>>,
    /// What HTTP paths ask for.
    #[serde(default)]
    pub http: Option<At<HttpRequest>>,
    /// Service port to use where the service has several.
    #[serde(default)]
    pub port: Option<At<u16>>,
    /// What is right: `ok` when absent, `blocked`, an outcome, or `{ outcome: ok, source: preserved | node }`.
    #[serde(default)]
    pub expect: Option<At<ExpectFile>>,
    /// How many times the exchange is made (1 to 1000).
    #[serde(default)]
    pub repeat: Option<At<u32>>,
}

/// Shell lines that make hosts differ from their distro's own policy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionFile {
    /// What it is, for people.
    pub name: At<String>,
    /// Distros it is for; all when absent.
    #[serde(default)]
    pub on: Option<Many<String>>,
    /// Machines it is for, counted from 1; all when absent.
    #[serde(default)]
    pub machines: Option<Vec<At<u8>>>,
    /// `firewalld`, `ufw` or a distro; every host when absent.
    #[serde(default)]
    pub applies_to: Option<At<String>>,
    /// When it happens.
    pub when: When,
    /// Shell lines, run as root, in order.
    pub run: At<Vec<At<String>>>,
    /// `false`: everything is seen before the cluster's proxy has written again what the lines flushed.
    #[serde(default)]
    pub resync: Option<bool>,
}

/// A failure that is known and expected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownIssueFile {
    /// Distro (id or alias).
    pub distro: At<String>,
    /// Upstream report: `canonical/microk8s#4903` or a URL.
    pub upstream: At<String>,
    /// The paths it is about, named as in case ids; `*` stands for any characters.
    pub paths: At<Vec<At<String>>>,
    /// How they end.
    #[schemars(with = "OutcomeWord")]
    pub outcome: At<String>,
    /// Only with this remedy; as installed and with every remedy when absent.
    #[serde(default)]
    pub remedy: Option<At<String>>,
}

/// A change somebody proposes as the fix.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemedyFile {
    /// Unique within the scenario, in kebab-case.
    pub id: At<String>,
    /// One line.
    pub title: At<String>,
    /// What the scenario's author thinks of it.
    pub recommended: bool,
    /// `firewalld`, `ufw` or a distro; every host when absent.
    #[serde(default)]
    pub applies_to: Option<At<String>>,
    /// Shell lines, run as root on every machine, in order.
    pub run: At<Vec<At<String>>>,
    /// What a run is known to show of it; any other verdict is a change. Not checked when absent.
    #[serde(default)]
    #[schemars(with = "Option<RemedyVerdict>")]
    pub verdict: Option<At<String>>,
}

/// The MicroK8s that a scenario wants.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MicroK8sFile {
    /// Channel: `1.31/stable`. The command line's `--channel` counts more.
    #[serde(default)]
    pub channel: Option<At<String>>,
    /// Addons: `dns`, `ingress`, `hostpath-storage`, `metallb:FIRST-LAST`; `[dns, ingress]` when absent.
    #[serde(default)]
    pub addons: Option<At<Vec<At<String>>>>,
}

/// The network between the machines.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnderlayFile {
    /// Its MTU, in bytes (1280 to 9000); 1500 when absent. Less than 1500 is what the hosts do not know of.
    #[serde(default)]
    pub mtu: Option<At<u16>>,
    /// How many packets of a hundred are lost (1 to 100).
    #[serde(default)]
    pub loss: Option<At<u8>>,
    /// Whether the hosts' interfaces cut and checksum packets themselves; they do when absent, but for a small MTU.
    #[serde(default)]
    pub offloads: Option<bool>,
}
