//! `lab run --provider ssh`: which hosts, what would be done to them, and whether that is wanted.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    sync::Arc,
};

use camino::Utf8Path;
use clap::{ArgAction, Args};
use miette::Diagnostic;

use super::{
    args::{RunArgs, SelectionArgs},
    failure::Failure,
    select::Selected,
    wait::wait,
    whole,
};
use crate::{
    catalog::{Catalog, distro::Distro, microk8s::Addon},
    model::ProviderKind,
    plan::Plan,
    provider::{command_log::CommandLog, existing::HostArgument, ssh::Destination},
    run::{
        Recipe, Snaps,
        existing::{Consent, ExistingRecipe, Intended, SurveyError, survey},
    },
};

/// Hosts that exist, and what may be done to them.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Hosts that exist (--provider ssh)")]
pub struct ExistingArgs {
    /// A host and the distro that it has, for instance `rhel=admin@192.0.2.10`; your own SSH configuration, agent and
    /// known hosts decide how it is reached. May be repeated; several of one distro are the nodes of its cluster.
    #[arg(long = "host", value_name = "DISTRO=[USER@]HOST[:PORT]", action = ArgAction::Append)]
    pub hosts: Vec<HostArgument>,
    /// A host outside of the clusters, from which they are looked at; without it such paths are skipped.
    #[arg(long, value_name = "[USER@]HOST[:PORT]")]
    pub outside: Option<Destination>,
    /// Do what would be done without asking: add what the end of the run takes away again.
    #[arg(long)]
    pub yes: bool,
    /// Install MicroK8s for the run where there is none, and enable the addons that are missing.
    #[arg(long)]
    pub install: bool,
    /// Let conditions, and the one remedy that `--remedy` names, change the hosts. Nothing undoes them.
    #[arg(long)]
    pub allow_changes: bool,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum ExistingArgumentError {
    /// Arguments of another provider.
    #[error("{0} is for `--provider ssh`")]
    Provider(&'static str),
    /// No host at all.
    #[error("no host is named")]
    #[diagnostic(help("name each: `--host rhel=admin@192.0.2.10 --host ubuntu=customer-2`"))]
    NoHost,
    /// A host of a distro that is not looked at.
    #[error("`--host {0}` is for a distro that is not under test")]
    #[diagnostic(help("name its distro, or none at all: then those of the hosts are under test"))]
    NotUnderTest(HostArgument),
    /// Remedies without consent.
    #[error("a remedy changes the hosts, and nothing undoes it: `--remedy {0}` needs `--allow-changes`")]
    #[diagnostic(help("without `--remedy` the hosts are looked at as they are"))]
    Remedy(String),
    /// Several remedies.
    #[error("only one remedy can be tried on hosts that exist: there is no clean state to return to before the next")]
    #[diagnostic(help("name one; `--provider netns` tries all of them"))]
    OneRemedy,
    /// A lab that would stay.
    #[error("nothing stays up on hosts that exist: `--keep` does not go together with `--provider ssh`")]
    Keep,
    /// Snaps for nobody.
    #[error("nothing is installed on hosts that exist without `--install`, and `--download-snaps` is for what is")]
    #[diagnostic(help("add `--install`, or leave `--download-snaps` out"))]
    NothingInstalled,
    /// Scenarios that want one MicroK8s each.
    #[error("the scenarios want MicroK8s {first} and {second} on the same hosts of {distro}")]
    #[diagnostic(help("run them one by one, or name one channel for all: `--channel`"))]
    Channels { distro: String, first: String, second: String },
    /// Nobody to ask.
    #[error("hosts are not changed without consent, and there is no terminal to ask on; nothing was done")]
    #[diagnostic(help("read the list above; `--yes` says that all of it may be done"))]
    NobodyToAsk,
    /// The answer was no.
    #[error("nothing was done")]
    Declined,
}

/// The selection, with what hosts that exist mean for it: their distros where none is named, and no remedy but a named
/// one.
pub(super) fn selection(args: &RunArgs) -> Result<SelectionArgs, Failure> {
    let (mut selection, existing) = (args.selection.clone(), &args.existing);
    if selection.lab.provider != ProviderKind::Ssh {
        let given = [
            ("--host", !existing.hosts.is_empty()),
            ("--outside", existing.outside.is_some()),
            ("--yes", existing.yes),
            ("--install", existing.install),
            ("--allow-changes", existing.allow_changes),
        ];
        return match given.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Failure::input(ExistingArgumentError::Provider(name))),
            None => Ok(selection),
        };
    }
    if existing.hosts.is_empty() {
        return Err(Failure::input(ExistingArgumentError::NoHost));
    }
    if args.keep.is_some() {
        return Err(Failure::input(ExistingArgumentError::Keep));
    }
    if selection.lab.whole.download_snaps && !existing.install {
        return Err(Failure::input(ExistingArgumentError::NothingInstalled));
    }
    if selection.distros.is_empty() {
        let mut seen = BTreeSet::new();
        let names = existing.hosts.iter().map(|host| host.distro.clone());
        selection.distros = names.filter(|name| seen.insert(name.clone())).collect();
    }
    selection.remedies = match selection.remedies.as_slice() {
        [word] if word == "all" || word == "none" => vec!["none".to_owned()],
        [id] if existing.allow_changes => vec![id.clone()],
        [id, ..] if !existing.allow_changes => return Err(Failure::input(ExistingArgumentError::Remedy(id.clone()))),
        _ => return Err(Failure::input(ExistingArgumentError::OneRemedy)),
    };
    Ok(selection)
}

/// Looks at the hosts, says what would be done to them, and asks. Every command is written to the report's folder.
pub(super) fn agreed(selected: &Selected, args: &RunArgs, dir: &Utf8Path) -> Result<Recipe, Failure> {
    let log = dir.join(CommandLog::FILE);
    let recipe = recipe(selected, args, &log)?;
    let consented = wait(consent(selected, &recipe, args.existing.yes))?;
    if consented.is_err() {
        // Nothing was done that anybody would have to look up.
        drop(std::fs::remove_file(&log));
    }
    consented.map(|()| Recipe::Existing(Box::new(recipe)))
}

fn recipe(selected: &Selected, args: &RunArgs, log: &Utf8Path) -> Result<ExistingRecipe, Failure> {
    let (existing, lab) = (&args.existing, &args.selection.lab.whole);
    let catalog = Catalog::open().map_err(Failure::input)?;
    let under_test = || selected.plan.clusters.iter().map(|cluster| &cluster.distro);
    let mut hosts = Vec::new();
    for host in &existing.hosts {
        let named: Arc<Distro> = catalog.distros().named(&host.distro).map_err(Failure::input)?.clone();
        // Another file of the same release may be a scenario's own.
        let Some(distro) = under_test().find(|distro| distro.id == named.id) else {
            return Err(Failure::input(ExistingArgumentError::NotUnderTest(host.clone())));
        };
        hosts.push((Arc::clone(distro), host.destination.clone()));
    }
    if let Some(distro) = under_test().find(|distro| hosts.iter().all(|(known, _)| known.id != distro.id)) {
        return Err(Failure::input(SurveyError::NoHost { distro: distro.id.clone() }));
    }
    Ok(ExistingRecipe {
        hosts,
        outside: existing.outside.clone(),
        consent: Consent { install: existing.install, changes: existing.allow_changes },
        addons: addons(&selected.plan),
        snaps: if existing.install { one_channel(&selected.plan, whole::snaps(lab)?)? } else { whole::snaps(lab)? },
        epel: lab.epel.clone(),
        log: Some(log.to_owned()),
    })
}

/// All that any of the scenarios needs: they take turns on one MicroK8s.
fn addons(plan: &Plan) -> Vec<Addon> {
    let mut addons: Vec<Addon> = Vec::new();
    for addon in plan.clusters.iter().flat_map(|cluster| &cluster.scenario.microk8s.addons) {
        if !addons.contains(addon) {
            addons.push(addon.clone());
        }
    }
    addons
}

/// Refuses to install one MicroK8s for scenarios that want several.
fn one_channel(plan: &Plan, snaps: Snaps) -> Result<Snaps, Failure> {
    let mut channels = BTreeMap::new();
    for cluster in plan.clusters.iter().filter(|_| snaps.files.is_none()) {
        let (distro, channel) = (cluster.distro.id.clone(), snaps.channel(&cluster.scenario).to_owned());
        let first = channels.entry(distro.clone()).or_insert_with(|| channel.clone()).clone();
        if first != channel {
            return Err(Failure::input(ExistingArgumentError::Channels { distro, first, second: channel }));
        }
    }
    Ok(snaps)
}

async fn consent(selected: &Selected, recipe: &ExistingRecipe, yes: bool) -> Result<(), Failure> {
    let survey = survey(recipe).await;
    let survey = survey.map_err(|error| if error.is_input() { Failure::input(error) } else { Failure::lab(error) })?;
    let intended = Intended::of(&survey, recipe, &selected.plan).to_string();
    let mut told = io::stderr();
    told.write_all(intended.as_bytes())?;
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !told.is_terminal() {
        return Err(Failure::input(ExistingArgumentError::NobodyToAsk));
    }
    write!(told, "May all of that be done? [y/N] ")?;
    told.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    let agreed = ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str());
    if agreed { Ok(()) } else { Err(Failure::input(ExistingArgumentError::Declined)) }
}
