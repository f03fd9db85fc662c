//! The run: the one place that knows all phases.

pub mod assemble;
#[cfg(test)]
mod assemble_tests;
mod contexts;
pub mod existing;
mod explaining;
mod exposure;
mod hosts;
mod kept;
mod life;
mod lives;
mod machines;
mod maker;
pub mod observation;
mod probing;
pub mod progress;
mod snaps;
mod stages;
pub mod trials;
mod trouble;
pub mod versions;
mod ways;
mod whole;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use self::{
    assemble::Ending, life::Surroundings, lives::Lives, observation::Before, progress::Progress, stages::millis,
};
pub use self::{
    kept::Kept,
    life::Life,
    maker::{Maker, MakerError, Recipe},
    snaps::Snaps,
    trouble::Trouble,
    whole::{BootImage, LibvirtHosts, Owner, Size, WholeProvider, WholeRecipe, stamp},
};
use crate::{
    cluster::Cluster,
    diagnose::{Explanation, evidence::Evidence},
    events::{Event, Events},
    ledger::LabName,
    model::report::{CaseReport, Counts, FORMAT, Host, Report, Run},
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
    /// How long one phase of one cluster may take.
    pub phase_limit: Duration,
    /// How long the run may take; what has not ended by then is an error.
    pub run_limit: Option<Duration>,
    /// Who is told what happens.
    pub events: Arc<Events>,
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
    /// Labs whose machines a later run may use again.
    pub kept: Vec<LabName>,
    /// The run was interrupted; cases that had not ended are skipped.
    pub interrupted: bool,
}

/// Runs a plan, until somebody wants it to end at the latest (see [`interrupt`]); all that the maker made has ended when
/// this returns.
pub async fn run(
    plan: &Plan,
    maker: Maker,
    options: &RunOptions,
    interrupted: impl Future<Output = ()>,
) -> Result<Finished, MakerError> {
    let (started_at, started) = (Timestamp::now(), Instant::now());
    options.events.emit(Event::start(&options.id, plan.clusters.len(), plan.cases().count()));
    let host = maker.host().await?;
    let (provider, cluster) = (maker.provider(), maker.cluster());
    let carried = plan.clusters.iter().filter(|cluster| maker.lacking(cluster).is_none());
    let progress = Progress::new(carried.count());
    let surroundings =
        Surroundings { maker, retries: options.retries, explain: options.explain.clone(), evidence: options.evidence };
    let lives = Lives::new(plan, options, &surroundings, &progress);
    let end = tokio::select! {
        () = lives.all() => End::Whole,
        () = interrupted => End::Interrupted,
        () = over(options.run_limit) => End::TimeOver,
    };
    progress.finish();
    let limit = options.run_limit.unwrap_or_default();
    let cut = (end == End::TimeOver).then(|| format!("the run's time limit of {limit:?} was over before it ended"));
    let (endings, mut faults) = lives.ended(cut.as_deref());
    // Everything that was made ends here.
    let farewell = surroundings.maker.end().await;
    faults.extend(farewell.faults);
    let head = Run {
        id: options.id.clone(),
        started_at,
        duration_ms: millis(started.elapsed()),
        provider: provider.to_string(),
        cluster: cluster.to_string(),
        host: Host { firewalld: first_firewalld(&endings), ..host },
        command: options.command.clone(),
        pathlab: env!("CARGO_PKG_VERSION").to_owned(),
        shard: None,
        asked: None,
        missing: Vec::new(),
        not_compared: Vec::new(),
        interrupted: end == End::Interrupted,
        faults,
    };
    let explanations = endings.iter().flat_map(Ending::explanations).cloned().collect();
    let report = assemble(plan, &endings, head);
    let interrupted = report.run.interrupted;
    options.events.emit(Event::RunEnd {
        run: options.id.clone(),
        duration_ms: report.run.duration_ms,
        interrupted,
        counts: Counts::of(&report.cases),
    });
    let mut evidence = assemble::evidence(plan, endings);
    evidence.extend(farewell.consoles);
    Ok(Finished { report, explanations, evidence, kept: farewell.kept, interrupted })
}

/// Tries the cases of a cluster that is up, once each, and does nothing else.
pub async fn try_cases(plan: &ClusterPlan, cluster: Box<dyn Cluster>, before: Before) -> Vec<CaseReport> {
    let seen = Life::resumed(plan, cluster, before).try_cases().await;
    assemble::cases(plan, &Ending::Seen(Box::new(seen)))
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Every cluster did.
    Whole,
    /// Somebody wished so.
    Interrupted,
    /// Its time was over.
    TimeOver,
}

/// Ends when the time is over, where there is a limit.
async fn over(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Ends when somebody wants the run to end: Ctrl-C, a terminal that closes, a service manager. Whoever asks a second
/// time does not want to wait for the clean-up: then the signal ends the program at once, and the kernel the lab.
///
/// Signals are noticed from the call on, not only once somebody waits.
pub fn interrupt() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let waiting: Vec<_> = signals.into_iter().filter_map(|kind| signal(kind).ok()).collect();
    first_of(waiting)
}

async fn first_of(signals: Vec<tokio::signal::unix::Signal>) {
    use nix::sys::signal::{SigHandler, Signal, signal as dispose};
    let waiting = signals.into_iter().map(|mut signal| {
        Box::pin(async move {
            signal.recv().await;
        })
    });
    futures_util::future::select_all(waiting).await;
    for kind in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the default disposition runs no code of this program.
        if let Err(error) = unsafe { dispose(kind, SigHandler::SigDfl) } {
            tracing::warn!("failed to make {kind} end the program: {error}");
        }
    }
    tracing::warn!("interrupted: ending the lab and writing the report; once more leaves at once");
}

fn first_firewalld(endings: &[Ending]) -> Option<String> {
    endings.iter().find_map(|ending| match ending {
        Ending::Seen(seen) => seen.versions.values().find_map(|machine| machine.firewalld.clone()),
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
        clusters: assemble::clusters(plan, endings),
        baseline: None,
        past: None,
        cases,
    }
}
