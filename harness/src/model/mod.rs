//! The result model: words that plan, probe, verdict and report share.

mod asked;
mod comparison;
mod evidence;
#[cfg(test)]
pub(crate) mod fake;
mod identity;
mod lab;
mod past;
mod path;
pub mod report;
mod verdict;

pub use lab_agent::outcome::{Outcome, UnknownOutcome};

pub use self::{
    asked::{AS_INSTALLED, Asked},
    comparison::{Change, ChangeKind, Comparison},
    evidence::{Difference, Direction, EvidenceFile, PacketWay, Relevance, WayStep, WayVerdict},
    lab::{ClusterKind, ProviderKind},
    past::{Fact, Night, Past, PastCase, Turn},
    path::{AccessPath, IpFamily, ParsePathError, Payload, Protocol, Target, Vantage},
    verdict::{RemedyVerdict, Verdict},
};
