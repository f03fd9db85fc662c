//! The lives of all clusters of a run: so many at a time, each held to its limits, each told to who listens.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use futures_util::{StreamExt as _, stream};

use super::{
    RunOptions,
    assemble::{self, Ending},
    life::{self, Surroundings},
    observation::{LifeError, Observation},
    progress::{ClusterProgress, Progress},
    stages::{Stages, millis},
    trouble::Trouble,
};
use crate::{
    events::Event,
    model::{
        Outcome,
        report::{CaseReport, INTERRUPTED},
    },
    plan::{ClusterPlan, Plan},
};

/// How often a cluster is built again when the lab itself failed.
const REBUILDS: usize = 1;

/// The lives of a run's clusters.
pub(super) struct Lives<'a> {
    plan: &'a Plan,
    options: &'a RunOptions,
    surroundings: &'a Surroundings,
    progress: &'a Progress,
    endings: Mutex<Vec<Ending>>,
    faults: Mutex<Vec<String>>,
}

impl<'a> Lives<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        options: &'a RunOptions,
        surroundings: &'a Surroundings,
        progress: &'a Progress,
    ) -> Self {
        let endings = Mutex::new(plan.clusters.iter().map(|_| Ending::Interrupted).collect());
        Self { plan, options, surroundings, progress, endings, faults: Mutex::new(Vec::new()) }
    }

    /// Lives all of them. When this is dropped, what had not ended is cut off.
    pub(super) async fn all(&self) {
        let queues = self.surroundings.maker.queues(self.plan).into_iter().map(|queue| self.queue(queue));
        stream::iter(queues).buffer_unordered(self.options.jobs.max(1)).collect::<()>().await;
    }

    /// How they ended, and the faults of the lab that a second try got over. `cut` says why those that did not end
    /// were cut off, where that was not somebody's wish.
    pub(super) fn ended(self, cut: Option<&str>) -> (Vec<Ending>, Vec<String>) {
        let mut endings = self.endings.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (cluster, ending) in self.plan.clusters.iter().zip(&mut endings) {
            if let Ending::Interrupted = ending {
                if let Some(reason) = cut {
                    *ending = Ending::Broken(reason.to_owned());
                }
                tell_cases(self.options, &assemble::cases(cluster, ending));
                tell_end(self.options, cluster, ending, 0);
            }
        }
        (endings, self.faults.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lives the clusters that take turns on the same machines, one after the other.
    async fn queue(&self, queue: Vec<usize>) {
        for index in &queue {
            self.one(*index, &self.plan.clusters[*index]).await;
        }
        if let Some(first) = queue.first() {
            self.surroundings.maker.release(&self.plan.clusters[*first]).await;
        }
    }

    async fn one(&self, index: usize, cluster: &ClusterPlan) {
        let started = Instant::now();
        let ending = if let Some(reason) = self.surroundings.maker.lacking(cluster) {
            Ending::NotCarried(reason)
        } else {
            let shown = self.progress.cluster(cluster.id());
            let ending = self.live(index, cluster, &shown).await;
            shown.end(&summary(&ending));
            ending
        };
        tell_cases(self.options, &assemble::cases(cluster, &ending));
        tell_end(self.options, cluster, &ending, millis(started.elapsed()));
        self.endings.lock().unwrap_or_else(PoisonError::into_inner)[index] = ending;
    }

    /// Lives one cluster; once more from the start where the lab itself failed and no path was to blame.
    async fn live(&self, index: usize, cluster: &ClusterPlan, shown: &ClusterProgress<'_>) -> Ending {
        let mut rebuilt = 0;
        loop {
            let name = if rebuilt == 0 { format!("c{index}") } else { format!("c{index}-{rebuilt}") };
            let lived = self.live_as(&name, cluster, shown).await;
            // Its verdicts are in; what it held is given back before others need it.
            if let Err(error) = self.surroundings.maker.clear(&name).await {
                tracing::warn!("{}: {error}", cluster.id());
            }
            match lived {
                Ok(seen) => return Ending::Seen(Box::new(seen)),
                Err(Cut::Lab(error)) if error.is_transport() && rebuilt < REBUILDS => {
                    rebuilt += 1;
                    let (cluster, error) = (cluster.id(), error.to_string());
                    tracing::warn!("{cluster}: the lab failed, and builds it again: {error}");
                    self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{cluster}: {error}"));
                    self.options.events.emit(Event::Retry { cluster, error });
                }
                Err(Cut::Lab(error)) => return Ending::Broken(Trouble::of(&error).told()),
                Err(Cut::Limit(reason)) => return Ending::Broken(reason),
            }
        }
    }

    async fn live_as(
        &self,
        name: &str,
        cluster: &ClusterPlan,
        shown: &ClusterProgress<'_>,
    ) -> Result<Observation, Cut> {
        let cases = cluster.cases.iter().map(|case| case.id.as_str()).collect();
        let stages = Stages::new(&self.options.events, cluster.id(), cases);
        let tell = |phase| {
            shown.phase(phase);
            stages.enter(phase);
        };
        let limit = self.options.phase_limit;
        let lived = stages.within(limit, life::live(cluster, name, self.surroundings, tell)).await;
        let lived = lived.map_err(|phase| Cut::Limit(format!("{phase} did not end within {limit:?}")));
        let lived = lived.and_then(|lived| lived.map_err(Cut::Lab));
        stages.leave(lived.is_ok());
        lived
    }
}

/// Why a life ended early.
enum Cut {
    /// The lab failed.
    Lab(LifeError),
    /// A phase took too long.
    Limit(String),
}

fn tell_cases(options: &RunOptions, cases: &[CaseReport]) {
    for case in cases {
        if let Some(cause) = case.cause.clone() {
            let (kind, owner, summary) = (cause.kind, cause.owner, cause.summary);
            options.events.emit(Event::Cause { case: case.id.clone(), kind, owner, summary });
        }
        options.events.emit(Event::CaseEnd {
            case: case.id.clone(),
            outcome: case.outcome,
            verdict: case.verdict,
            tries: case.tries.len(),
            duration_us: case.duration_us,
        });
    }
}

fn tell_end(options: &RunOptions, cluster: &ClusterPlan, ending: &Ending, duration_ms: u64) {
    let error = match ending {
        Ending::Seen(_) => None,
        Ending::Interrupted => Some(INTERRUPTED.to_owned()),
        Ending::Broken(reason) | Ending::NotCarried(reason) => Some(reason.clone()),
    };
    options.events.emit(Event::ClusterEnd { cluster: cluster.id(), duration_ms, error });
}

/// `8 cases: 6 ok, 2 rejected`, or why there are none.
fn summary(ending: &Ending) -> String {
    let seen = match ending {
        Ending::Seen(seen) => seen,
        Ending::Broken(reason) => return format!("broke: {reason}"),
        Ending::Interrupted => return "interrupted".to_owned(),
        Ending::NotCarried(reason) => return reason.clone(),
    };
    let mut counts: Vec<(Outcome, usize)> = Vec::new();
    for outcome in outcomes(seen) {
        match counts.iter_mut().find(|(counted, _)| *counted == outcome) {
            Some((_, count)) => *count += 1,
            None => counts.push((outcome, 1)),
        }
    }
    let mut counts: Vec<String> = counts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let skipped = seen.cases.iter().filter(|case| case.skipped.is_some()).count();
    if skipped > 0 {
        counts.push(format!("{skipped} skipped"));
    }
    format!("{} cases: {} ({:.1} s)", seen.cases.len(), counts.join(", "), seen.lifetime.as_secs_f64())
}

fn outcomes(seen: &Observation) -> impl Iterator<Item = Outcome> {
    let tried = seen.cases.iter().filter(|case| case.skipped.is_none());
    tried.map(|case| case.outcome().unwrap_or(Outcome::Error))
}
