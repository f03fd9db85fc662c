//! The run: the one place that knows all phases.

pub mod assemble;
mod contexts;
mod explaining;
mod exposure;
mod kept;
mod life;
mod maker;
pub mod observation;
mod probing;
pub mod progress;
pub mod trials;
mod versions;

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use self::{assemble::Ending, life::Surroundings, observation::{Before, Observation}, progress::Progress};
pub use self::{
    kept::Kept,
    life::Life,
    maker::{Maker, MakerError},
};
use crate::{
    cluster::Cluster,
    diagnose::{Explanation, evidence::Evidence},
    model::{
        Outcome,
        report::{CaseReport, FORMAT, Host, Report, Run},
    },
    plan::{ClusterPlan, Plan},
};

/// How a run is made.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Unique name of the run.
    pub id: String,
    /// The command line, for the report.
    pub command: Vec<String>,
    /// How often a case that does not end as expected is tried again.
    pub retries: u32,
    /// Which cases are traced.
    pub explain: Explain,
    /// Whether evidence is collected from the machines, as installed.
    pub evidence: bool,
    /// How many clusters live at the same time.
    pub jobs: usize,
}

/// Which cases are traced to say why they end as they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explain {
    /// Those that do not end as expected.
    Failing,
    /// This one, however it ends.
    Only(String),
}

/// A finished run.
#[derive(Debug)]
pub struct Finished {
    /// The report.
    pub report: Report,
    /// Why cases ended as they did, cluster by cluster.
    pub explanations: Vec<Explanation>,
    /// What was collected from the machines, under names that are unique in the run.
    pub evidence: Vec<(String, Evidence)>,
    /// The run was interrupted; cases that had not ended are skipped.
    pub interrupted: bool,
}

/// Runs a plan; all that the maker made has ended when this returns.
pub async fn run(plan: &Plan, maker: Maker, options: &RunOptions) -> Result<Finished, MakerError> {
    let (started_at, started) = (Timestamp::now(), Instant::now());
    let host = maker.host().await?;
    let (provider, cluster) = (maker.provider(), maker.cluster());
    let endings: Mutex<Vec<Ending>> = Mutex::new(plan.clusters.iter().map(|_| Ending::Interrupted).collect());
    let carried = plan.clusters.iter().filter(|cluster| cluster.scenario.lacking(provider).is_none());
    let progress = Progress::new(carried.count());
    let surroundings =
        Surroundings { maker, retries: options.retries, explain: options.explain.clone(), evidence: options.evidence };
    let interrupted = tokio::select! {
        () = live_all(plan, options, &surroundings, &progress, &endings) => false,
        () = interrupt() => true,
    };
    progress.finish();
    // Everything that was made ends here.
    drop(surroundings);
    let endings = endings.into_inner().unwrap_or_else(PoisonError::into_inner);
    let head = Run {
        id: options.id.clone(),
        started_at,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        provider: provider.to_string(),
        cluster: cluster.to_string(),
        host: Host { firewalld: first_firewalld(&endings), ..host },
        command: options.command.clone(),
        pathlab: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let explanations = endings.iter().flat_map(Ending::explanations).cloned().collect();
    let report = assemble(plan, &endings, head);
    Ok(Finished { report, explanations, evidence: assemble::evidence(plan, endings), interrupted })
}

/// Tries the cases of a cluster that is up, once each, and does nothing else.
pub async fn try_cases(plan: &ClusterPlan, cluster: Box<dyn Cluster>, before: Before) -> Vec<CaseReport> {
    let seen = Life::resumed(plan, cluster, before).try_cases().await;
    assemble::cases(plan, &Ending::Seen(Box::new(seen)))
}

/// Ends when somebody wants the run to end: Ctrl-C, a terminal that closes, a service manager.
pub async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let waiting = signals.into_iter().filter_map(|kind| signal(kind).ok()).map(|mut signal| {
        Box::pin(async move {
            signal.recv().await;
        })
    });
    futures_util::future::select_all(waiting).await;
}

async fn live_all(
    plan: &Plan,
    options: &RunOptions,
    surroundings: &Surroundings,
    progress: &Progress,
    endings: &Mutex<Vec<Ending>>,
) {
    let lives = plan.clusters.iter().enumerate().map(|(index, cluster)| async move {
        let provider = surroundings.maker.provider();
        if let Some(reason) = cluster.scenario.lacking(provider) {
            let ending = Ending::NotCarried(format!("the {provider} lab cannot carry it: {reason}"));
            endings.lock().unwrap_or_else(PoisonError::into_inner)[index] = ending;
            return;
        }
        let shown = progress.cluster(cluster.id());
        let lived = life::live(cluster, &format!("c{index}"), surroundings, |phase| shown.phase(phase)).await;
        // Its verdicts are in; what it held is given back before others need it.
        let removed = surroundings.maker.clear(&format!("c{index}")).await;
        let ending = match lived {
            Ok(seen) => Ending::Seen(Box::new(seen)),
            Err(error) => Ending::Broken(error.to_string()),
        };
        if let Err(error) = removed {
            tracing::warn!("{}: {error}", cluster.id());
        }
        shown.end(&summary(&ending));
        endings.lock().unwrap_or_else(PoisonError::into_inner)[index] = ending;
    });
    stream::iter(lives).buffer_unordered(options.jobs.max(1)).collect::<()>().await;
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
    let counts: Vec<String> = counts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    format!("{} cases: {} ({:.1} s)", seen.cases.len(), counts.join(", "), seen.lifetime.as_secs_f64())
}

fn outcomes(seen: &Observation) -> impl Iterator<Item = Outcome> {
    let last = |case: &observation::CaseObservation| case.deciding().next_back().map(|one| one.result.outcome);
    seen.cases.iter().map(move |case| last(case).unwrap_or(Outcome::Error))
}

fn first_firewalld(endings: &[Ending]) -> Option<String> {
    endings.iter().find_map(|ending| match ending {
        Ending::Seen(seen) => seen.versions.firewalld.clone(),
        _ => None,
    })
}

fn assemble(plan: &Plan, endings: &[Ending], run: Run) -> Report {
    let cases: Vec<_> =
        plan.clusters.iter().zip(endings).flat_map(|(cluster, ending)| assemble::cases(cluster, ending)).collect();
    let distros = assemble::distros(plan, endings, &cases);
    Report {
        format: FORMAT.to_owned(),
        run,
        causes: assemble::causes(&distros, plan, endings),
        distros,
        remedies: assemble::remedies(plan, endings),
        manifests: assemble::manifests(plan),
        scenarios: assemble::scenarios(plan),
        differences: assemble::differences(plan, endings),
        evidence: Vec::new(),
        cases,
    }
}
