//! A wait that ends: it knows what is waited for, until when, and what was seen last.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::MicroK8sError;

/// A wait.
pub(super) struct Waiting {
    machine: String,
    what: String,
    limit: Duration,
    pause: Duration,
    end: Instant,
}

impl Waiting {
    /// Begins now. `what` as in "waited for …".
    pub(super) fn new(machine: &str, what: impl Into<String>, limit: Duration, pause: Duration) -> Self {
        Self { machine: machine.to_owned(), what: what.into(), limit, pause, end: Instant::now() + limit }
    }

    /// What is left of the time, and no more than `most`; never nothing.
    pub(super) fn left(&self, most: Duration) -> Duration {
        self.end.saturating_duration_since(Instant::now()).min(most).max(Duration::from_secs(1))
    }

    /// Pauses before another look; an error when the time is over. `last` is what was seen.
    pub(super) async fn again(&self, last: impl Into<String>) -> Result<(), MicroK8sError> {
        if Instant::now() + self.pause > self.end {
            let last = last.into();
            let last = if last.trim().is_empty() { "nothing".to_owned() } else { last.trim().to_owned() };
            let (machine, what) = (self.machine.clone(), self.what.clone());
            return Err(MicroK8sError::NotInTime { machine, what, limit: self.limit, last });
        }
        sleep(self.pause).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Waiting;

    #[tokio::test]
    async fn it_ends_and_says_what_for() {
        let waiting = Waiting::new("rhel", "the moon", Duration::from_millis(60), Duration::from_millis(25));
        assert_eq!(waiting.left(Duration::from_secs(60)), Duration::from_secs(1));
        waiting.again("dark").await.expect("25 ms");
        let error = loop {
            if let Err(error) = waiting.again("\n").await {
                break error.to_string();
            }
        };
        assert_eq!(error, "rhel: waited 60ms for the moon; last: nothing");
    }
}
