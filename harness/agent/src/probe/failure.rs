//! Why a probe did not end well.

use std::{fmt::Display, io, time::Duration};

use lab_agent::outcome::Outcome;
use tokio::time::{Instant, timeout_at};

use super::{classify, icmp::Notice};

/// An outcome other than ok, with its one line for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub outcome: Outcome,
    /// The phase, the error with its errno name, and what else is known.
    pub detail: String,
}

impl Failure {
    /// This outcome with this line.
    pub fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into() }
    }

    /// The probe could not be made.
    pub fn ours(phase: &str, error: &impl Display) -> Self {
        Self::new(Outcome::Error, format!("{phase}: {error}"))
    }

    /// An error before the connection stood, with the ICMP message that caused it, if one did.
    pub fn connecting(phase: &str, error: &io::Error, notice: Option<Notice>) -> Self {
        let cause = notice.map(|notice| format!(", {notice}")).unwrap_or_default();
        Self::new(classify::connecting(error), format!("{phase}: {}{cause}", classify::named(error)))
    }

    /// An error after the connection stood.
    pub fn exchanging(phase: &str, error: &io::Error) -> Self {
        Self::new(classify::exchanging(error), format!("{phase}: {}", classify::named(error)))
    }

    /// The same, with `prefix` before its detail.
    pub fn within(self, prefix: &str) -> Self {
        Self { detail: format!("{prefix}: {}", self.detail), ..self }
    }
}

/// What the future gives, or this failure when the deadline comes first.
pub async fn before<T>(
    deadline: Instant,
    future: impl Future<Output = T>,
    late: impl FnOnce() -> Failure,
) -> Result<T, Failure> {
    timeout_at(deadline, future).await.map_err(|_| late())
}

/// Time left, for schedules.
pub fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// A limit for a person: what of a second is left some microseconds after its start is a second.
pub fn whole_millis(limit: Duration) -> u128 {
    limit.as_micros().div_ceil(1000)
}
