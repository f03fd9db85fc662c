//! A batch of probes under way, at most so many at once.

use std::collections::VecDeque;

use lab_agent::protocol::{Probe, ProbeResult};
use tokio::task::JoinSet;

use crate::probe;

/// Probes that wait and probes that run. Dropping it ends those that run.
pub struct Batch {
    waiting: VecDeque<Probe>,
    running: JoinSet<ProbeResult>,
    concurrency: usize,
}

impl Batch {
    /// A batch of which nothing has started.
    pub fn new(probes: Vec<Probe>, concurrency: usize) -> Self {
        Self { waiting: probes.into(), running: JoinSet::new(), concurrency: concurrency.max(1) }
    }

    /// The next result, in the order in which probes end; `None` when all have.
    pub async fn next(&mut self) -> Option<ProbeResult> {
        while self.running.len() < self.concurrency
            && let Some(probe) = self.waiting.pop_front()
        {
            self.running.spawn(probe::run(probe));
        }
        // A panic aborts the process, so a task that was joined has a result.
        self.running.join_next().await.map(|joined| joined.expect("probes are neither aborted nor do they panic"))
    }
}
