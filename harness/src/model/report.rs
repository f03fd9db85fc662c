//! `report.json`: the public result format, version [`FORMAT`].
//!
//! Stability: within one version of the format, keys and the meaning of values stay; keys may be added.

use std::{collections::BTreeMap, fmt, net::IpAddr, str::FromStr};

use camino::Utf8PathBuf;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Asked, Comparison, Difference, EvidenceFile, IpFamily, Outcome, PacketWay, Past, Payload, Protocol, RemedyVerdict,
    Target, Vantage, Verdict,
    path::{ParsePathError, words},
};

/// The format's name and version.
pub const FORMAT: &str = "pathlab-report/1";

/// What a case says that was not tried because the run was interrupted.
pub const INTERRUPTED: &str = "the run was interrupted";

/// The words of [`Outcome`], as a pattern for the JSON Schema.
const OUTCOME: &str = "^(ok|rejected|refused|timeout|reset|stalled|http-[1-5][0-9]{2}|dns-failed|wrong-backend|error)$";

/// One finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The format's name and version.
    #[schemars(extend("const" = FORMAT))]
    pub format: String,
    /// The run as a whole.
    pub run: Run,
    /// One entry per distro, in the order of the command line.
    pub distros: Vec<DistroReport>,
    /// One entry per case, in the order of the plan.
    pub cases: Vec<CaseReport>,
    /// One entry per scenario, distro and remedy.
    pub remedies: Vec<RemedyReport>,
    /// The manifests that were deployed, the same bytes on every distro.
    pub manifests: Vec<ManifestReport>,
    /// One entry per scenario: what a reader needs to understand the cases without the files.
    #[serde(default)]
    pub scenarios: Vec<ScenarioReport>,
    /// Failing cases grouped by their cause.
    #[serde(default)]
    pub causes: Vec<CauseGroup>,
    /// What is not the same on every distro, the most relevant first.
    #[serde(default)]
    pub differences: Vec<Difference>,
    /// Files of the evidence bundle.
    #[serde(default)]
    pub evidence: Vec<EvidenceFile>,
    /// How long each cluster lived, in the order of the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterReport>,
    /// How the run stands against a baseline, where it was compared with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Comparison>,
    /// What earlier runs showed, where there is a history of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<Past>,
}

impl Report {
    /// How many cases an interrupted run did not come to.
    #[must_use]
    pub fn untried(&self) -> usize {
        let untried = |case: &&CaseReport| case.verdict == Verdict::Skipped && case.detail == INTERRUPTED;
        self.cases.iter().filter(untried).count()
    }
}

/// One cluster of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterReport {
    /// `SCENARIO::DISTRO::as-installed|REMEDY`.
    pub id: String,
    /// From its first machine to its last probe, in milliseconds.
    pub duration_ms: u64,
}

/// Which part of the cases a run had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShardReport {
    /// Which part, counted from 1.
    pub number: u32,
    /// How many parts there are.
    pub count: u32,
    /// SHA-256 of how the cases were divided: parts of one whole have the same.
    pub division: String,
    /// How many cases all parts have.
    pub total: usize,
    /// The place of each of this run's cases among all of them, counted from 0.
    pub places: Vec<usize>,
}

/// The run as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Unique name of the run, also the lab's name.
    pub id: String,
    /// When it started, UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// Wall time, in milliseconds.
    pub duration_ms: u64,
    /// What made the machines.
    pub provider: String,
    /// What ran the manifests.
    pub cluster: String,
    /// Versions on this host that decided the result.
    pub host: Host,
    /// The command line, as given.
    pub command: Vec<String>,
    /// Pathlab's own version.
    #[serde(default)]
    pub pathlab: String,
    /// Which part of the cases this is, for a run of `--shard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardReport>,
    /// What of the library it was to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// Parts of it (`K/N`) of which there was no report when the others were merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Scenarios whose distros were in different parts: `differences` is silent about these distros.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<String>,
    /// Whether somebody ended it before it came to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// Faults of the lab itself that a second try got over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// Versions that decided the result; a tool that was not used or not found is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Kernel release.
    pub kernel: String,
    /// firewalld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewalld: Option<String>,
    /// nft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nft: Option<String>,
    /// iptables, with its variant (`nf_tables` or `legacy`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iptables: Option<String>,
    /// ufw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ufw: Option<String>,
    /// nginx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nginx: Option<String>,
    /// dnsmasq.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnsmasq: Option<String>,
    /// Kubernetes, where its programs run on this host's namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<String>,
    /// containerd, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containerd: Option<String>,
    /// libvirt, where it makes the machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub libvirt: Option<String>,
    /// QEMU, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qemu: Option<String>,
}

/// The result on one distro.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DistroReport {
    /// Distro id.
    pub id: String,
    /// The worst of its as-installed cases: `pass`, `known`, `fail` or `error`.
    pub verdict: Verdict,
    /// All of its cases, remedies included.
    pub counts: Counts,
    /// What its machines were.
    pub machine: MachineReport,
    /// What the machines of other distros were in its mixed clusters, which bear this distro's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_machines: Vec<OtherMachine>,
}

/// Machines of another distro in a mixed cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OtherMachine {
    /// Distro id.
    pub distro: String,
    /// What they were.
    pub machine: MachineReport,
}

impl Report {
    /// What the machines of each distro were, whichever distro's name their clusters bear.
    #[must_use]
    pub fn machines(&self) -> Vec<(&str, &MachineReport)> {
        let own = self.distros.iter().map(|distro| (distro.id.as_str(), &distro.machine));
        let others = self.distros.iter().flat_map(|distro| &distro.other_machines);
        let mut machines: Vec<(&str, &MachineReport)> = Vec::new();
        for (id, machine) in own.chain(others.map(|other| (other.distro.as_str(), &other.machine))) {
            if machines.iter().all(|(known, _)| *known != id) {
                machines.push((id, machine));
            }
        }
        machines
    }
}

/// How many cases ended with each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are the verdicts")]
pub struct Counts {
    pub pass: usize,
    pub fail: usize,
    pub known: usize,
    pub fixed: usize,
    pub flaky: usize,
    pub skipped: usize,
    pub error: usize,
}

impl Counts {
    /// How many of these cases ended with each verdict.
    #[must_use]
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a CaseReport>) -> Self {
        let mut counts = Self::default();
        for case in cases {
            *match case.verdict {
                Verdict::Pass => &mut counts.pass,
                Verdict::Fail => &mut counts.fail,
                Verdict::Known => &mut counts.known,
                Verdict::Fixed => &mut counts.fixed,
                Verdict::Flaky => &mut counts.flaky,
                Verdict::Skipped => &mut counts.skipped,
                Verdict::Error => &mut counts.error,
            } += 1;
        }
        counts
    }
}

/// What a distro's machines were, beside what its file declares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineReport {
    /// Kernel release on the machine.
    pub kernel: String,
    /// firewalld on the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewalld: Option<String>,
    /// nft on the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nft: Option<String>,
    /// SHA-256 of the image that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The same of the other distros' machines in its cluster, by distro.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_images: BTreeMap<String, String>,
    /// What ran the instructions of a virtual machine: `kvm`, or `tcg` where QEMU emulated them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    /// Revision of the snap that its cluster is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snap: Option<String>,
    /// What the distro's file declares.
    pub declared: Declared,
    /// What of the distro's policy was found to hold on whole machines, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verified: Vec<String>,
    /// What differs from a normal installation of the distro, on hosts that existed before the run, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<String>,
    /// Parts of the distro's policy that this kind of machine cannot carry.
    #[serde(default)]
    pub not_covered: Vec<String>,
}

/// Versions and policy as a distro's file declares them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Declared {
    /// Kernel release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// firewalld version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewalld: Option<String>,
    /// nft version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nft: Option<String>,
    /// `SELinux` mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selinux: Option<String>,
    /// SHA-256 of the host policy, to see that it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// One case and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseReport {
    /// `SCENARIO::DISTRO::as-installed|REMEDY::FROM-to-TARGET[:tcp|:udp][:large][:ipv6]`.
    pub id: String,
    /// Scenario id.
    pub scenario: String,
    /// Distro id.
    pub distro: String,
    /// Remedy id; null as installed.
    pub remedy: Option<String>,
    /// Where the connection started.
    pub from: Vantage,
    /// What it aimed at.
    pub to: Target,
    /// Over what.
    pub protocol: Protocol,
    /// With how much.
    pub payload: Payload,
    /// Over which version of IP.
    #[serde(default)]
    pub family: IpFamily,
    /// What was expected: an outcome, or `blocked` for any failure to connect.
    pub expected: String,
    /// What happened; `skipped` cases have none and say `error` here.
    #[schemars(with = "String", regex(pattern = OUTCOME))]
    pub outcome: Outcome,
    /// What it means.
    pub verdict: Verdict,
    /// One line for a person.
    pub detail: String,
    /// Every try, in order; the last one decides unless they differ.
    pub tries: Vec<TryReport>,
    /// The last try's duration, in microseconds.
    pub duration_us: u64,
    /// Source address that the backend saw.
    pub source_ip: Option<IpAddr>,
    /// Pod that answered.
    pub backend: Option<String>,
    /// For a path with `repeat`: how many of the exchanges each pod answered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub backends: BTreeMap<String, u32>,
    /// Why it failed; null for a case that did not, or whose cause was not asked for.
    pub cause: Option<Cause>,
    /// Upstream report of the known issue that applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
}

/// One try of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TryReport {
    /// When in the run: `probe`, `retry`, `after-reload`, `before-resync`.
    pub when: String,
    /// What happened.
    #[schemars(with = "String", regex(pattern = OUTCOME))]
    pub outcome: Outcome,
    /// One line for a person.
    pub detail: String,
    /// Microseconds.
    pub duration_us: u64,
}

/// Why a case failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// What kind of thing ended the packet.
    pub kind: CauseKind,
    /// nft or iptables table, with its family (`inet firewalld`).
    pub table: Option<String>,
    /// Chain of that table.
    pub chain: Option<String>,
    /// The rule's exact text.
    pub rule: Option<String>,
    /// Whose rule it is: `firewalld zone public`, `ufw`, `kube-proxy`, `calico`, `user`.
    pub owner: Option<String>,
    /// One plain sentence.
    pub summary: String,
}

words! {
    /// What kind of thing ended a packet.
    CauseKind {
        /// A rule rejected it: its sender was told.
        FirewallReject = "firewall-reject",
        /// A rule or policy dropped it silently.
        FirewallDrop = "firewall-drop",
        /// A rule that should have sent it on is not there (flushed NAT rules, for instance).
        NoRule = "no-rule",
        /// No route to the target, or back, or a routing rule that leads past it.
        NoRoute = "no-route",
        /// The machine does not forward.
        ForwardingOff = "forwarding-off",
        /// The reverse-path filter dropped it.
        ReversePath = "reverse-path",
        /// It was too big for a link, and its sender was not told.
        Mtu = "mtu",
        /// Its checksum was wrong.
        Checksum = "checksum",
        /// The tunnel between the machines did not carry it.
        Tunnel = "tunnel",
        /// The name did not resolve.
        Dns = "dns",
        /// It arrived, and what answered could not reach what it needs itself.
        Upstream = "upstream",
        /// Nobody knows.
        Unknown = "unknown",
    }
}

/// Failing cases that share one cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CauseGroup {
    /// Distro id.
    pub distro: String,
    /// The shared cause.
    pub cause: Cause,
    /// Ids of the cases, as-installed first.
    pub cases: Vec<String>,
    /// The way of the first case's packet, up to what ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<PacketWay>,
}

/// What one remedy did on one distro.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RemedyReport {
    /// Scenario id.
    pub scenario: String,
    /// Distro id.
    pub distro: String,
    /// Remedy id.
    pub id: String,
    /// What the scenario's author thinks of it.
    pub recommended: bool,
    /// What the run shows: of the paths of which it shows something. `no-effect` where it shows nothing of any, as `detail`
    /// says, and all cases with the remedy, or all as installed, are `error` or `skipped`.
    pub verdict: RemedyVerdict,
    /// Failing paths as installed that work with it.
    pub fixed: usize,
    /// Paths that fail with it.
    pub still_failing: usize,
    /// Whether the outcome is the same after a firewall reload.
    pub survives_reload: bool,
    /// Whether what works with it still works after a restart of the machines; absent where they cannot be restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survives_reboot: Option<bool>,
    /// Node ports that answer from outside with it and did not before.
    pub opens: Vec<u16>,
    /// Node ports that answered from outside before and do not with it.
    pub closes: Vec<u16>,
    /// The remedy's title.
    #[serde(default)]
    pub title: String,
    /// The shell lines that it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// One line for a person: what still fails, what broke, why it does not apply.
    #[serde(default)]
    pub detail: String,
    /// What the scenario says that a run shows of it. Absent when it says nothing, and when the run did not look at
    /// all of the scenario's paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_verdict: Option<RemedyVerdict>,
}

impl RemedyReport {
    /// Whether the run shows something else of it than the scenario says.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.expected_verdict.is_some_and(|expected| expected != self.verdict)
    }
}

/// One manifest that was deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestReport {
    /// Path, relative to the scenario's folder, behind the scenario's id.
    #[schemars(with = "String")]
    pub path: Utf8PathBuf,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// What a reader needs to know of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioReport {
    /// Scenario id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Upstream reports.
    pub upstream: Vec<String>,
    /// How its hosts differed from their distro's own policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionReport>,
}

/// One way in which hosts differed from their distro's own policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConditionReport {
    /// What it was, for people.
    pub name: String,
    /// Distros that it was for; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
    /// Hosts that it was for, as the scenario says it (`firewalld`, `ufw` or a distro); absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies_to: Option<String>,
    /// The shell lines that were run.
    pub run: Vec<String>,
}
