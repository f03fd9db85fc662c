//! `lab up`: makes a lab that stays up.

use std::{io::Write, process::ExitCode, time::Instant};

use miette::Diagnostic;

use super::{
    super::{
        args::{SelectionArgs, UpArgs},
        exit::Exit,
        failure::Failure,
        lock::Locking,
        run::{check, check_programs, known},
        select::Selected,
    },
    asked::Asked,
    down::end,
    open, runtime, wait,
};
use crate::{
    cluster::kubernetes::KUBECONFIG,
    lab::{Lab, OwnReaper, StartError, Starting, claim_lost, start},
    ledger::{About, LabName, Ledger, LedgerError},
    lock::Used,
    model::ClusterKind,
    plan::AS_INSTALLED,
    provider::MachineError,
    run::{progress::Progress, versions},
};

/// A lab that cannot be.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum UpError {
    /// The machines lack what the scenario needs.
    #[error("the scenario {scenario} is not made on {distro}: {reason}")]
    NotCarried { scenario: String, distro: String, reason: String },
    /// The remedy is for other distros.
    #[error("the remedy `{remedy}` is for none of these distros")]
    #[diagnostic(help("leave `--remedy` out to make them as installed"))]
    NotApplicable { remedy: String },
}

/// A machine of the new lab did not answer.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error(transparent)]
struct MachineProblem(#[from] MachineError);

/// Makes the lab.
pub fn run(args: &UpArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let selection = SelectionArgs {
        distros: args.distros.clone(),
        scenarios: args.scenarios.clone(),
        lab: args.lab.clone(),
        remedies: vec![args.remedy.clone().unwrap_or_else(|| "none".to_owned())],
        filters: Vec::new(),
        shard: None,
        times: None,
    };
    let mut asked = Asked::new(&selection, true)?;
    let selected = asked.selected()?;
    if let Some(remedy) = &args.remedy
        && selected.plan.clusters.iter().all(|cluster| cluster.remedy.is_none())
    {
        return Err(Failure::input(UpError::NotApplicable { remedy: remedy.clone() }));
    }
    for cluster in &selected.plan.clusters {
        if let Some(reason) = cluster.not_carried(selected.provider) {
            let (scenario, distro) = (cluster.scenario.id.clone(), cluster.distro.id.clone());
            return Err(Failure::input(UpError::NotCarried { scenario, distro, reason }));
        }
    }
    let locking = Locking::new(&args.lock)?;
    asked.pin(&locking, &selected);
    check(&selected)?;
    locking.before(|| known(&selected, &args.lab))?;
    asked.download_snaps(&selected)?;
    let started = Instant::now();
    match make(&args.name, &asked, &selected) {
        Ok(lab) => {
            lock(locking, &lab, &args.name)?;
            let machines: usize = lab.described.clusters.iter().map(|cluster| cluster.machines.len()).sum();
            let clusters = lab.described.clusters.len();
            let plural = if clusters == 1 { "" } else { "s" };
            let seconds = started.elapsed().as_secs_f64();
            writeln!(
                out,
                "The lab `{}` is up: {clusters} cluster{plural}, {machines} machines ({seconds:.1} s)",
                args.name
            )?;
            out.write_all(ways_in(&lab).as_bytes())?;
            Ok(Exit::AsExpected.into())
        }
        Err(unmade) => unmade.ended().map(Into::into),
    }
}

/// Records what the lab is made of, or refuses it: then it does not stay.
fn lock(locking: Locking, lab: &Lab, name: &LabName) -> Result<(), Failure> {
    if let Locking::Off = locking {
        return Ok(());
    }
    let refused = match wait(used(lab))?.map_err(Failure::lab).map(|used| locking.after(&used)) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(refused)) => Failure::lab(refused),
        Err(failure) => failure,
    };
    let ledger = Ledger::open().map_err(Failure::lab)?;
    wait(end(&ledger, name))??;
    Err(refused)
}

/// What the lab is made of, as its machines say.
async fn used(lab: &Lab) -> Result<Used, MachineProblem> {
    let described = &lab.described;
    let mut used = Used::of_lab(described.provider.as_str(), described.cluster.as_str()).on_host(&described.host);
    // A remedy may have taken away what the distro has.
    for cluster in described.clusters.iter().filter(|cluster| cluster.state == AS_INSTALLED) {
        let Some((_, made)) = lab.cluster(&cluster.id) else { continue };
        for (index, (distro, machine)) in cluster.node_distros.iter().zip(made.nodes()).enumerate() {
            if !cluster.node_distros[..index].contains(distro) {
                let found = versions::of_machine(&**machine).await?;
                let found = if index == 0 { cluster.before.hosts.on(found) } else { found };
                used = used.on_machine(distro, &found);
            }
        }
    }
    Ok(used)
}

/// Why there is no lab.
pub(in crate::cli) enum Unmade {
    /// Somebody wanted an end; nothing is left.
    Interrupted,
    /// It failed.
    Failed(Failure),
}

impl Unmade {
    /// How the program ends then.
    pub(in crate::cli) fn ended(self) -> Result<Exit, Failure> {
        match self {
            Self::Interrupted => Ok(Exit::Interrupted),
            Self::Failed(failure) => Err(failure),
        }
    }
}

impl From<Failure> for Unmade {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Makes a lab of this name, showing how far it has come.
pub(in crate::cli) fn make(name: &LabName, asked: &Asked, selected: &Selected) -> Result<Lab, Unmade> {
    check(selected)?;
    check_programs(selected.provider)?;
    asked.recipe(selected)?;
    let details = serde_json::to_value(asked).map_err(|error| Failure::Output(error.into()))?;
    let about = About::new(selected.provider.as_str()).details(details);
    let ledger = Ledger::open().map_err(Failure::lab)?;
    let clusters = &selected.plan.clusters;
    let progress = Progress::new(clusters.len());
    let mut shown: Vec<_> = clusters.iter().map(|_| None).collect();
    let tell = |news: Starting| match news {
        Starting::Notice(notice) => tracing::warn!("{notice}"),
        Starting::Phase(index, phase) => {
            shown[index].get_or_insert_with(|| progress.cluster(clusters[index].id())).phase(phase);
        }
        Starting::Made(index, seconds) => {
            if let Some(shown) = shown[index].take() {
                shown.end(&format!("up ({seconds:.1} s)"));
            }
        }
    };
    let made = runtime()?.block_on(async {
        start(&ledger, name, about, tell).await.map_err(|error| match error {
            StartError::Interrupted => Unmade::Interrupted,
            taken @ StartError::Ledger(LedgerError::Taken { .. }) => Unmade::Failed(Failure::input(taken)),
            error => Unmade::Failed(Failure::lab(error)),
        })?;
        match open(name.as_str()).await {
            Ok(lab) => Ok(lab),
            Err(failure) => {
                if let Some(entry) = claim_lost(&ledger, name).await.map_err(Failure::lab)? {
                    entry.take_down(&OwnReaper).await.map_err(Failure::lab)?;
                }
                Err(failure.into())
            }
        }
    });
    progress.finish();
    made
}

/// What can be done with a lab that is up.
pub(in crate::cli) fn ways_in(lab: &Lab) -> String {
    let name = &lab.record.name;
    let machine = lab.described.machines().first().map(|found| found.name.clone()).unwrap_or_default();
    let mut rows = vec![
        (format!("lab status {name}"), "its machines"),
        (format!("lab shell {name} {machine}"), "a shell on one of them"),
        (format!("lab test {name}"), "its cases, once more"),
        (format!("lab down {name}"), "its end"),
    ];
    let kubectl = match lab.described.cluster {
        ClusterKind::Dataplane => None,
        ClusterKind::Kubernetes => Some(format!("kubectl --kubeconfig {KUBECONFIG}")),
        ClusterKind::Microk8s => Some("microk8s kubectl".to_owned()),
    };
    if let Some(kubectl) = kubectl {
        rows.insert(2, (format!("lab exec {name} {machine} -- {kubectl} get pods -A"), "its pods"));
    }
    let width = rows.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    let lines: Vec<String> = rows.into_iter().map(|(command, what)| format!("  {command:<width$}  {what}\n")).collect();
    lines.concat()
}
