//! `lab run`: builds the lab, tries every path, says what is wrong and what repairs it.

use std::{io::Write, sync::Arc, thread::available_parallelism, time::Duration};

use camino::Utf8Path;
use libtest_mimic::FormatSetting;
use miette::Diagnostic;

use super::{
    args::{RunArgs, RunFormat},
    baseline, existing,
    exit::Exit,
    failure::Failure,
    files, history,
    lab_args::LabArgs,
    labs::{Asked, Unmade, make, ways_in},
    lock::Locking,
    report_dir::ReportDir,
    select::{Selected, select},
    snap_downloads,
    wait::wait,
    whole,
};
use crate::{
    causes,
    cluster::{
        dataplane,
        kubernetes::{self, programs},
    },
    diagnose::evidence,
    events::Events,
    lab::Lab,
    ledger::{LabName, Ledger},
    lock::Used,
    model::{ClusterKind, ProviderKind},
    plan::Plan,
    provider::{
        ProviderError,
        command_log::CommandLog,
        needs::{Check, Status, check_netns, missing_programs},
    },
    run::{self, Explain, Finished, Maker, MakerError, Owner, Recipe, RunOptions, existing::SurveyError, trials},
};

/// How long one phase of one cluster may take: namespace hosts need seconds, a machine under load some more.
pub(super) const PHASE_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The same for whole machines, which install packages and download MicroK8s.
const WHOLE_PHASE_LIMIT: Duration = Duration::from_secs(90 * 60);

/// Clusters that live at the same time, for each processor: most of their time is waiting.
const JOBS_PER_PROCESSOR: usize = 4;

/// Groups of whole machines that live at the same time: one for each of two distros, with gigabytes of memory each.
const WHOLE_JOBS: usize = 2;

/// Why the lab could not run, for the command line.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum LabError {
    /// A part that this version does not have.
    #[error("{0}")]
    Missing(String, #[help] String),
    /// The sandbox.
    #[error("{source}")]
    Run {
        source: MakerError,
        #[help]
        help: String,
    },
    /// What makes whole machines.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Provider(ProviderError),
    /// Hosts that exist.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Survey(SurveyError),
}

impl From<programs::Lacking> for LabError {
    fn from(lacking: programs::Lacking) -> Self {
        Self::Missing(lacking.to_string(), lacking.help)
    }
}

impl LabError {
    /// Programs that the lab runs and this machine does not have.
    fn programs(missing: &[Check]) -> Self {
        let names: Vec<&str> = missing.iter().map(|check| check.name.as_str()).collect();
        let mut help: Vec<&str> = missing.iter().filter_map(|check| check.fix.as_deref()).collect();
        help.dedup();
        Self::Missing(format!("this machine lacks {}", names.join(", ")), help.join("\n"))
    }

    /// A sandbox that did not start: what the kernel refuses is looked for, and how it can be allowed.
    fn run(source: MakerError) -> Self {
        let source = match source {
            MakerError::Provider(error) => return Self::Provider(error),
            MakerError::Survey(error) => return Self::Survey(error),
            other => other,
        };
        let lacking = check_netns().into_iter().filter(|check| check.status == Status::Missing);
        let help: Vec<String> = lacking
            .map(|check| {
                [Some(format!("{}: {}", check.name, check.detail)), check.fix]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("\n")
            })
            .collect();
        let help = if help.is_empty() { "`lab doctor` shows what was tried".to_owned() } else { help.join("\n") };
        Self::Run { source, help }
    }
}

/// A problem with the report's files, with all that lies behind it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{0}")]
pub struct ReportProblem(String);

impl ReportProblem {
    /// The problem as one line.
    #[must_use]
    pub fn new(error: &dyn std::error::Error) -> Self {
        Self(causes::line(error))
    }
}

/// Runs the selected cases and writes the report.
pub fn run(args: &RunArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let selected = select(&existing::selection(args)?)?;
    let events = args.events.as_deref().map_or_else(|| Ok(Events::none()), Events::to_file);
    let events = events.map_err(|error| Failure::input(ReportProblem::new(&error)))?;
    let baseline = args.baseline.as_deref().map(baseline::read).transpose()?;
    let reuse = args.reuse.then(|| whole::reuse(selected.provider, args)).transpose()?;
    let locking = Locking::new(&args.lock)?;
    let mut args = pinned(args, &locking, &selected);
    check(&selected)?;
    locking.before(|| known(&selected, &args.selection.lab))?;
    snap_downloads::download(&selected, &mut args.selection.lab.whole)?;
    let args = &args;
    let folder = ReportDir::claim(args.report.as_deref())?;
    let dir = folder.path.clone();
    let options = RunOptions {
        id: dir.file_name().unwrap_or("run").to_owned(),
        command: std::env::args().collect(),
        retries: args.retries,
        explain: Explain::Failing,
        evidence: true,
        jobs: args.jobs.map_or_else(|| default_jobs(selected.provider, &args.selection.lab), |jobs| jobs as usize),
        phase_limit: args.phase_timeout.unwrap_or(default_phase_limit(selected.provider)),
        run_limit: args.timeout,
        events: Arc::new(events),
    };
    // When nothing was observed there is nothing to keep.
    let no_report = || folder.give_back();
    let kept = match args.keep.as_ref().map(|name| keep(name.as_ref(), args, &selected)).transpose() {
        Ok(kept) => kept,
        Err(unmade) => {
            no_report();
            return unmade.ended();
        }
    };
    let agreed = (selected.provider == ProviderKind::Ssh).then(|| existing::agreed(&selected, args, &dir)).transpose();
    let agreed = agreed.inspect_err(|_| no_report())?;
    if kept.is_some() && selected.provider != ProviderKind::Netns && args.selection.remedies != ["none"] {
        tracing::warn!(
            "the machines of a lab that stays up are not restarted: what a remedy does is looked at after a reload of the \
             firewall only; without `--keep` it is looked at after a restart too"
        );
    }
    let finished = match (&kept, &agreed) {
        (Some(lab), _) => in_kept_lab(&selected.plan, lab, &options),
        (None, Some(recipe)) => in_lab_of(&selected.plan, recipe, &options),
        (None, None) => {
            let whole = OfWhole { reuse, report: Some(&dir) };
            in_lab(&selected, &args.selection.lab, &options, whole)
        }
    };
    let mut finished = finished.inspect_err(|_| no_report())?;
    let mut kept_all = Ok(());
    for (name, evidence) in &finished.evidence {
        match evidence::write(evidence, &dir, name) {
            Ok(file) => finished.report.evidence.push(file),
            Err(error) => kept_all = kept_all.and(Err(Failure::lab(ReportProblem::new(&error)))),
        }
    }
    let report = &mut finished.report;
    report.run.shard.clone_from(&selected.shard);
    report.run.asked = Some(selected.asked.clone());
    if let (Some(baseline), Some(file)) = (&baseline, &args.baseline) {
        report.baseline = Some(baseline::against(baseline, file, report, &selected, !finished.interrupted));
    }
    report.past = history::past(&args.history, report);
    let written = files::write(&mut finished.report, &dir);
    history::append(&args.history, &finished.report);
    trials::run(&finished.report.cases, args.format.map(Into::into), &dir.join("trials.txt"));
    if args.format.is_none() {
        out.write_all(baseline::text(&finished.report, &dir).as_bytes())?;
    }
    if let Some(lab) = &kept {
        eprintln!("The lab stays up as `{}`:\n{}", lab.record.name, ways_in(lab).trim_end());
    }
    let locked = if finished.interrupted { Ok(()) } else { locking.after(&Used::of_run(&finished.report)) };
    // Machines that stay are told of, whatever else went wrong.
    let left = whole::left_for_later(&finished.kept, &args.lock);
    written.and(kept_all)?;
    locked.map_err(Failure::lab)?;
    left?;
    Ok(baseline::exit(&finished.report))
}

/// The arguments with the revisions that the lock insists on.
fn pinned(args: &RunArgs, locking: &Locking, selected: &Selected) -> RunArgs {
    let mut args = args.clone();
    locking.pin(selected, &mut args.selection.lab.whole);
    args
}

/// What is known of a lab's parts before it is made: what the host has, and images. A lab of no machines is asked, and
/// ends.
pub(super) fn known(selected: &Selected, args: &LabArgs) -> Result<Used, Failure> {
    check_programs(selected.provider)?;
    let used = Used::of_lab(selected.provider.as_str(), selected.cluster.as_str());
    if selected.provider == ProviderKind::Ssh {
        // Of hosts that exist nothing is known before they are looked at.
        return Ok(used);
    }
    let recipe = recipe(selected, args)?;
    let host = wait(async {
        let maker = Maker::start(&recipe, Owner::Run).await?;
        let host = maker.host().await;
        maker.end().await;
        host
    })?;
    let host = host.map_err(|error| Failure::lab(LabError::run(error)))?;
    let mut used = used.on_host(&host);
    if let Recipe::Whole(whole) = &recipe {
        let images =
            whole.images.iter().filter_map(|(distro, image)| Some((distro.clone(), image.sha256.parse().ok()?)));
        used.images = images.collect();
    }
    Ok(used)
}

/// Makes the lab of a run that stays up after it, under a free name where none is given.
fn keep(name: Option<&LabName>, args: &RunArgs, selected: &Selected) -> Result<Lab, Unmade> {
    let asked = Asked::new(&args.selection, false)?;
    if let Some(name) = name {
        return make(name, &asked, selected);
    }
    let taken = Ledger::open().and_then(|ledger| ledger.labs()).map_err(Failure::lab)?;
    let mut names = (1_u32..).filter_map(|number| format!("run-{number}").parse().ok());
    let free = names.find(|name| !taken.contains(name));
    make(&free.expect("there are more numbers than labs"), &asked, selected)
}

/// Runs a plan in a lab that is up, and stays.
pub(super) fn in_kept_lab(plan: &Plan, lab: &Lab, options: &RunOptions) -> Result<Finished, Failure> {
    block_on(async { run::run(plan, lab.maker(), options, run::interrupt()).await })
}

/// Says which of the programs that a lab of namespaces runs are missing here.
pub(super) fn check_programs(provider: ProviderKind) -> Result<(), Failure> {
    let missing = if provider == ProviderKind::Netns { missing_programs() } else { Vec::new() };
    if missing.is_empty() { Ok(()) } else { Err(Failure::lab(LabError::programs(&missing))) }
}

fn block_on(finished: impl Future<Output = Result<Finished, MakerError>>) -> Result<Finished, Failure> {
    wait(finished)?.map_err(|error| Failure::lab(LabError::run(error)))
}

/// What becomes of whole machines beside the run.
#[derive(Clone, Debug, Default)]
pub(super) struct OfWhole<'a> {
    /// They are left to a later run with this key of the lock file.
    reuse: Option<String>,
    /// Every command on them is written down in this folder.
    report: Option<&'a Utf8Path>,
}

/// Runs a plan in a lab of its own, from a program without a runtime.
pub(super) fn in_lab(
    selected: &Selected,
    args: &LabArgs,
    options: &RunOptions,
    of_whole: OfWhole<'_>,
) -> Result<Finished, Failure> {
    check_programs(selected.provider)?;
    let mut recipe = recipe(selected, args)?;
    if let Recipe::Whole(whole) = &mut recipe {
        whole.reuse = of_whole.reuse;
        whole.log = of_whole.report.map(|dir| dir.join(CommandLog::FILE));
    }
    in_lab_of(&selected.plan, &recipe, options)
}

/// Runs a plan in a lab by this recipe.
fn in_lab_of(plan: &Plan, recipe: &Recipe, options: &RunOptions) -> Result<Finished, Failure> {
    block_on(async {
        // Whoever interrupts the start wants the run to end, with its report; whoever does so twice does not wait for that.
        let interrupted = tokio::spawn(run::interrupt());
        let maker = Maker::start(recipe, Owner::Run).await?;
        run::run(plan, maker, options, async { drop(interrupted.await) }).await
    })
}

/// What makes the selected clusters; what it needs beside the lab's programs is looked for.
pub(super) fn recipe(selected: &Selected, args: &LabArgs) -> Result<Recipe, Failure> {
    match selected.cluster {
        ClusterKind::Kubernetes => {
            let programs =
                programs::find(args.kube_bin.as_deref()).map_err(|lacking| Failure::lab(LabError::from(lacking)))?;
            Ok(Recipe::Kubernetes { programs })
        }
        ClusterKind::Dataplane => Ok(Recipe::Dataplane),
        ClusterKind::Microk8s => whole::recipe(selected, &args.whole),
    }
}

/// What the files say is checked before anything is created.
pub(super) fn check(selected: &Selected) -> Result<(), Failure> {
    whole::check(selected.provider)?;
    check_files(selected)
}

/// What can be said of the files alone.
pub(super) fn check_files(selected: &Selected) -> Result<(), Failure> {
    match selected.cluster {
        ClusterKind::Dataplane => dataplane::check(&selected.plan).map_err(Failure::input),
        ClusterKind::Kubernetes => kubernetes::check(&selected.plan).map_err(Failure::input),
        // Its API server says what it does not take.
        ClusterKind::Microk8s => Ok(()),
    }
}

fn default_jobs(provider: ProviderKind, args: &LabArgs) -> usize {
    match provider {
        ProviderKind::Netns => available_parallelism().map_or(1, usize::from) * JOBS_PER_PROCESSOR,
        ProviderKind::Libvirt => WHOLE_JOBS * args.whole.libvirt_uris.len().max(1),
        ProviderKind::Multipass | ProviderKind::Ssh => WHOLE_JOBS,
    }
}

/// How long one phase of one cluster may take when nothing is said.
pub(super) const fn default_phase_limit(provider: ProviderKind) -> Duration {
    match provider {
        ProviderKind::Netns => PHASE_LIMIT,
        ProviderKind::Libvirt | ProviderKind::Multipass | ProviderKind::Ssh => WHOLE_PHASE_LIMIT,
    }
}

impl From<RunFormat> for FormatSetting {
    fn from(format: RunFormat) -> Self {
        match format {
            RunFormat::Pretty => Self::Pretty,
            RunFormat::Terse => Self::Terse,
            RunFormat::Json => Self::Json,
        }
    }
}
