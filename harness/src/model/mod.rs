//! The result model: words that plan, probe, verdict and report share.

mod evidence;
mod lab;
mod path;
pub mod report;
mod verdict;

pub use lab_agent::outcome::{Outcome, UnknownOutcome};

pub use self::{
    evidence::{Difference, Direction, EvidenceFile, PacketWay, Relevance, WayStep, WayVerdict},
    lab::{ClusterKind, ProviderKind},
    path::{AccessPath, IpFamily, ParsePathError, Payload, Protocol, Target, Vantage},
    verdict::{RemedyVerdict, Verdict},
};
