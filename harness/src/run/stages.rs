//! The phases of one cluster's life as they go by: told to the events, and held to their time limit.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::progress::Phase;
use crate::events::{Event, Events};

/// The phases of one cluster's life.
pub(super) struct Stages<'a> {
    events: &'a Events,
    cluster: String,
    cases: Vec<&'a str>,
    now: Mutex<Option<(Phase, Instant)>>,
}

impl<'a> Stages<'a> {
    pub(super) const fn new(events: &'a Events, cluster: String, cases: Vec<&'a str>) -> Self {
        Self { events, cluster, cases, now: Mutex::new(None) }
    }

    /// The cluster enters a phase, and leaves the one that it was in.
    pub(super) fn enter(&self, phase: Phase) {
        self.leave(true);
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Some((phase, Instant::now()));
        self.events.emit(Event::PhaseStart { cluster: self.cluster.clone(), phase: phase.as_str().to_owned() });
        if phase == Phase::Probe {
            self.cases.iter().for_each(|case| self.events.emit(Event::CaseStart { case: (*case).to_owned() }));
        }
    }

    /// The phase that the cluster is in is over.
    pub(super) fn leave(&self, ok: bool) {
        let Some((phase, since)) = self.now.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let (cluster, phase) = (self.cluster.clone(), phase.as_str().to_owned());
        self.events.emit(Event::PhaseEnd { cluster, phase, duration_ms: millis(since.elapsed()), ok });
    }

    /// What `life` comes to, unless a phase of it takes longer than `limit`: then that phase.
    pub(super) async fn within<T>(&self, limit: Duration, life: impl Future<Output = T>) -> Result<T, Phase> {
        tokio::select! {
            // What has ended has not taken too long, however late that is noticed.
            biased;
            ended = life => Ok(ended),
            phase = self.over(limit) => Err(phase),
        }
    }

    /// Ends when a phase has taken longer than `limit`.
    async fn over(&self, limit: Duration) -> Phase {
        loop {
            let now = *self.now.lock().unwrap_or_else(PoisonError::into_inner);
            let left = match now {
                Some((phase, since)) if since.elapsed() >= limit => return phase,
                Some((_, since)) => limit.saturating_sub(since.elapsed()),
                None => limit,
            };
            sleep(left).await;
        }
    }
}

impl Drop for Stages<'_> {
    /// A life that was cut off ends its phase as well.
    fn drop(&mut self) {
        self.leave(false);
    }
}

/// A duration in whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::{Phase, Stages};
    use crate::events::Events;

    #[tokio::test]
    async fn each_phase_has_the_limit_for_itself() {
        let events = Events::none();
        let stages = Stages::new(&events, "c".to_owned(), Vec::new());
        let limit = Duration::from_millis(300);
        let patient = async {
            for phase in [Phase::Hosts, Phase::Policy, Phase::Cluster] {
                stages.enter(phase);
                sleep(Duration::from_millis(150)).await;
            }
        };
        assert_eq!(stages.within(limit, patient).await, Ok(()));
        let stuck = async {
            stages.enter(Phase::Hosts);
            stages.enter(Phase::Deploy);
            sleep(Duration::from_secs(60)).await;
        };
        assert_eq!(stages.within(limit, stuck).await, Err(Phase::Deploy));
    }
}
