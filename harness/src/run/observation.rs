//! What one cluster's life showed: raw material for verdicts and report.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lab_agent::protocol::ProbeResult;
use miette::Diagnostic;
use serde::{Deserialize, Serialize};

use super::trouble::Trouble;
use crate::{
    diagnose::{Explanation, evidence::Evidence},
    ledger::LedgerError,
    model::{
        AccessPath, Outcome, Target, Vantage,
        report::{MachineReport, TryReport},
    },
    provider::{MachineError, PoolError, ProviderError},
};

/// When in a cluster's life a try was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Moment {
    /// The first look.
    Probe,
    /// Another look at a case that did not end as expected.
    Retry,
    /// With a remedy, before the cluster's proxy has written its rules again.
    BeforeResync,
    /// With a remedy, after a reload of the firewall.
    AfterReload,
    /// With a remedy, after a restart of whole machines.
    AfterReboot,
}

/// One try of a case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Try {
    /// When.
    pub moment: Moment,
    /// How it ended.
    pub result: ProbeResult,
}

/// All tries of one case.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CaseObservation {
    /// In order of time. Empty when the case could not be aimed or the agent was lost.
    pub tries: Vec<Try>,
    /// Why there is no try.
    pub error: Option<String>,
    /// Why none was to be made: this kind of lab lacks what it takes.
    pub skipped: Option<String>,
}

/// What is known of a cluster's hosts beside what they show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// What of their policy could not be applied, by distro.
    pub not_covered: BTreeMap<String, BTreeSet<String>>,
    /// What of their policy was found to hold, on whole machines: one line each.
    pub verified: Vec<String>,
    /// The whole machines, counted from 1, whose firewalls run and are to run again after a restart.
    #[serde(default)]
    pub lasting_firewalls: Vec<u8>,
    /// SHA-256 of the image that the first was made from.
    pub image: Option<String>,
    /// The same of the other distros' machines, by distro.
    #[serde(default)]
    pub other_images: BTreeMap<String, String>,
    /// What ran the instructions of virtual machines.
    #[serde(default)]
    pub processor: Option<String>,
    /// Revision of the snap that the cluster is, of each where they differ.
    pub snap: Option<String>,
    /// Vantages that the cluster lacks, with the reason: cases from there are skipped.
    pub absent: BTreeMap<Vantage, String>,
    /// Paths that cannot be looked at there: they are skipped.
    pub out_of_reach: Vec<OutOfReach>,
    /// What differs from a normal installation of the distro, on hosts that exist: one line each.
    pub drift: Vec<String>,
}

/// Paths that cannot be looked at on these hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfReach {
    /// From here; from everywhere when there is none.
    pub from: Option<Vantage>,
    /// To there.
    pub to: Target,
    /// Why.
    pub reason: String,
}

impl HostFacts {
    /// What is known beside what a machine says of itself, added to that.
    #[must_use]
    pub fn on(&self, machine: MachineReport) -> MachineReport {
        let Self { image, other_images, processor, snap, .. } = self.clone();
        MachineReport { image, other_images, processor, snap, ..machine }
    }

    /// Why a path is not looked at; none when it is.
    #[must_use]
    pub fn skipped(&self, path: &AccessPath) -> Option<&str> {
        let here = |one: &&OutOfReach| one.to == path.to && one.from.is_none_or(|from| from == path.from);
        let absent = self.absent.get(&path.from).map(String::as_str);
        absent.or_else(|| self.out_of_reach.iter().find(here).map(|one| one.reason.as_str()))
    }
}

/// What was seen of a cluster while it was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Before {
    /// What is known of the hosts.
    pub hosts: HostFacts,
    /// Tries by the id of their case.
    pub tries: BTreeMap<String, Vec<Try>>,
}

/// What one cluster's life showed.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// One entry per case of the cluster's plan, in its order.
    pub cases: Vec<CaseObservation>,
    /// Node ports that answer from outside.
    pub open_ports: BTreeSet<u16>,
    /// Addresses of the nodes, to recognise sources.
    pub node_ips: Vec<std::net::IpAddr>,
    /// What is known of the hosts.
    pub hosts: HostFacts,
    /// Versions on the first machine of each distro.
    pub versions: BTreeMap<String, MachineReport>,
    /// Why cases ended as they did, where it was looked for.
    pub explanations: Vec<Explanation>,
    /// What was collected from the machines, as installed only.
    pub evidence: Vec<Evidence>,
    /// How long the cluster lived.
    pub lifetime: Duration,
}

/// Why a cluster's life ended early.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LifeError {
    /// A machine.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A condition or remedy line.
    #[error("{what} `{name}`: {source}")]
    Line {
        /// `condition` or `remedy`.
        what: &'static str,
        /// Its name or id.
        name: String,
        /// What the machine said.
        source: MachineError,
    },
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] crate::cluster::ClusterError),
    /// What makes whole machines.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Provider(#[from] ProviderError),
    /// The hosts of whole machines have too few places.
    #[error(transparent)]
    Places(#[from] PoolError),
    /// What is made could not be written down.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// A machine is not what its distro's file says, although its policy was applied.
    #[error("{machine} is not the {distro} that its file declares: {}", drift.join("; "))]
    Drift {
        /// Machine name.
        machine: String,
        /// Distro id.
        distro: String,
        /// What differs, one line each.
        drift: Vec<String>,
    },
    /// A step on the way to an installed cluster.
    #[error("{step} failed: {source}")]
    #[diagnostic(forward(source))]
    Step {
        /// Which.
        step: super::progress::Phase,
        /// Why.
        source: Box<LifeError>,
    },
    /// Machines that several clusters share one after the other could not be made, and are not tried again.
    #[error("its machines could not be made: {0}")]
    #[diagnostic(forward(0))]
    Hopeless(Trouble),
}

impl LifeError {
    /// Whether the way to a machine failed, or the making of one: then nothing is known of any path.
    #[must_use]
    pub fn is_transport(&self) -> bool {
        match self {
            Self::Machine(error) | Self::Line { source: error, .. } | Self::Provider(ProviderError::Machine(error)) => {
                error.is_transport()
            }
            Self::Cluster(error) => error.is_transport(),
            Self::Provider(error) => matches!(error, ProviderError::Boot { .. } | ProviderError::TimedOut { .. }),
            Self::Step { source, .. } => source.is_transport(),
            Self::Places(_) | Self::Ledger(_) | Self::Drift { .. } | Self::Hopeless(_) => false,
        }
    }
}

impl Moment {
    /// The word that the report uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Retry => "retry",
            Self::BeforeResync => "before-resync",
            Self::AfterReload => "after-reload",
            Self::AfterReboot => "after-reboot",
        }
    }
}

impl CaseObservation {
    /// The tries of these moments, in order of time.
    #[must_use]
    pub fn at(&self, moments: &'static [Moment]) -> impl DoubleEndedIterator<Item = &Try> {
        self.tries.iter().filter(move |one| moments.contains(&one.moment))
    }

    /// The tries that decide the verdict.
    #[must_use]
    pub fn deciding(&self) -> impl DoubleEndedIterator<Item = &Try> {
        self.at(&[Moment::Probe, Moment::Retry])
    }

    /// How the last try that decides ended; none when there was none.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.deciding().next_back().map(|one| one.result.outcome)
    }
}

impl From<&Try> for TryReport {
    fn from(one: &Try) -> Self {
        Self {
            when: one.moment.as_str().to_owned(),
            outcome: one.result.outcome,
            detail: one.result.detail.clone(),
            duration_us: one.result.duration_us,
        }
    }
}
