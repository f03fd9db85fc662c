//! The result model: words that plan, probe, verdict and report share.

pub mod diagnosis;
mod path;
pub mod report;
mod verdict;

pub use lab_agent::outcome::{Outcome, UnknownOutcome};

pub use self::{
    path::{AccessPath, ParsePathError, Payload, Protocol, Target, Vantage},
    verdict::{RemedyVerdict, Verdict},
};
