//! `lab ci-matrix`: the jobs of a CI workflow, as GitHub Actions reads a matrix.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use miette::Diagnostic;
use serde::Serialize;

use super::{
    args::{CiMatrixArgs, SelectionArgs},
    failure::Failure,
    select::{Selected, select},
};
use crate::{plan::ClusterPlan, report::shell_word};

/// A workflow has no more jobs than this from one matrix.
const MOST_JOBS: usize = 256;

/// More jobs than a workflow can have.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{0} jobs are more than the {MOST_JOBS} that a matrix may have")]
#[diagnostic(help("`--whole --shards N` divides all cases among N jobs, whatever their distros and scenarios"))]
struct TooMany(usize);

/// One part of what is to be divided.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("`--shard` names one part of a run, and a matrix has all of them")]
#[diagnostic(help("leave it out; `--shards N` says into how many parts the cases are divided"))]
struct OneShard;

#[derive(Serialize)]
struct Matrix {
    include: Vec<Job>,
}

/// One job.
#[derive(Serialize)]
struct Job {
    /// What it is called.
    name: String,
    /// Empty for a shard of everything.
    distro: String,
    /// Empty for a shard of everything.
    scenario: String,
    /// `K/N`.
    shard: String,
    /// Arguments for `lab run`, for a shell.
    args: String,
}

/// Prints the matrix on one line, as `$GITHUB_OUTPUT` wants it.
pub fn run(args: &CiMatrixArgs, out: &mut dyn Write) -> Result<(), Failure> {
    if args.selection.shard.is_some() {
        return Err(Failure::input(OneShard));
    }
    let selected = select(&args.selection)?;
    let include = if args.whole { whole(args, &selected) } else { combinations(args, &selected) };
    if include.len() > MOST_JOBS {
        return Err(Failure::input(TooMany(include.len())));
    }
    let text = serde_json::to_string(&Matrix { include }).map_err(io::Error::from)?;
    writeln!(out, "{text}")?;
    Ok(())
}

fn whole(args: &CiMatrixArgs, selected: &Selected) -> Vec<Job> {
    let count = most_shards(args.shards, selected.plan.clusters.iter());
    let job = |number| {
        let shard = format!("{number}/{count}");
        let mut words = args.selection.distros.clone();
        words.extend(args.selection.scenarios.iter().flat_map(|name| ["--scenario".to_owned(), name.clone()]));
        words.extend(args.selection.lab.words(|_| true));
        let args = arguments(words, &args.selection, &args.selection.remedies, &shard);
        Job { name: format!("shard {shard}"), distro: String::new(), scenario: String::new(), shard, args }
    };
    (1..=count).map(job).collect()
}

fn combinations(args: &CiMatrixArgs, selected: &Selected) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut seen = HashSet::new();
    for cluster in &selected.plan.clusters {
        let (distro, scenario) = (&cluster.distro.id, &cluster.scenario.id);
        if !seen.insert((distro, scenario)) {
            continue;
        }
        let remedies = remedies_of(&args.selection, cluster);
        let same = |other: &&ClusterPlan| other.distro.id == *distro && other.scenario.id == *scenario;
        let count = most_shards(args.shards, selected.plan.clusters.iter().filter(same));
        for number in 1..=count {
            let shard = format!("{number}/{count}");
            let named = scenario_argument(&args.selection, selected, scenario);
            let mut words = vec![distro.clone(), "--scenario".to_owned(), named];
            let machines = &cluster.machines;
            words.extend(args.selection.lab.words(|image| {
                machines.iter().any(|one| one.id == image.distro || one.aliases.contains(&image.distro))
            }));
            jobs.push(Job {
                name: format!("{scenario} on {distro}, shard {shard}"),
                distro: distro.clone(),
                scenario: scenario.clone(),
                args: arguments(words, &args.selection, &remedies, &shard),
                shard,
            });
        }
    }
    jobs
}

/// As many shards as were asked for, but none that would be empty.
fn most_shards<'a>(wanted: u32, clusters: impl Iterator<Item = &'a ClusterPlan>) -> u32 {
    let mut paths = HashSet::new();
    for cluster in clusters {
        paths.extend(cluster.cases.iter().map(|case| (&cluster.scenario.id, &cluster.distro.id, case.spec.path)));
    }
    wanted.min(u32::try_from(paths.len()).unwrap_or(u32::MAX)).max(1)
}

/// The scenario as it was named: one from elsewhere is known by its folder only.
fn scenario_argument(args: &SelectionArgs, selected: &Selected, id: &str) -> String {
    let named = args.scenarios.iter().filter(|name| *name != "all");
    let known = named.zip(&selected.scenarios).find(|(_, known)| *known == id);
    known.map_or_else(|| id.to_owned(), |(name, _)| name.clone())
}

/// The remedies that were asked for, as far as the scenario has them: another's would be an error.
fn remedies_of(args: &SelectionArgs, cluster: &ClusterPlan) -> Vec<String> {
    let has = |id: &&String| {
        ["all", "none"].contains(&id.as_str()) || cluster.scenario.remedies.iter().any(|one| one.id == **id)
    };
    let own: Vec<String> = args.remedies.iter().filter(has).cloned().collect();
    if own.is_empty() { vec!["none".to_owned()] } else { own }
}

fn arguments(mut words: Vec<String>, args: &SelectionArgs, remedies: &[String], shard: &str) -> String {
    let mut add = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
    remedies.iter().filter(|remedy| *remedy != "all").for_each(|remedy| add("--remedy", remedy));
    args.filters.iter().for_each(|filter| add("--filter", filter));
    if let Some(times) = &args.times {
        add("--times", times.as_str());
    }
    add("--shard", shard);
    words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}
