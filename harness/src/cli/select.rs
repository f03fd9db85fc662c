//! From the command line to the plan, for every command that takes a selection.

use std::{collections::HashSet, sync::Arc};

use miette::Diagnostic;

use super::{args::SelectionArgs, failure::Failure, lab_args::LabArgs, times};
use crate::{
    catalog::{Catalog, distro::Distro, scenario::Scenario},
    model::{Asked, ClusterKind, ProviderKind, report::ShardReport},
    plan::{Division, Plan, Remedies, Selection, Shard, plan},
};

/// What the command line selects.
#[derive(Debug)]
pub struct Selected {
    /// The cases, cluster by cluster.
    pub plan: Plan,
    /// What makes the machines.
    pub provider: ProviderKind,
    /// What runs the manifests.
    pub cluster: ClusterKind,
    /// Which part of all cases the plan is, for a shard.
    pub shard: Option<ShardReport>,
    /// Ids of the scenarios, in the order in which they were named.
    pub scenarios: Vec<String>,
    /// What of the library was asked for, all shards together.
    pub asked: Asked,
    /// Ids of cases that other shards run.
    elsewhere: HashSet<String>,
    /// Which shard was asked for.
    number: Option<Shard>,
}

impl Selected {
    /// Whether a case of this id is among what was asked for, whether it is planned or not.
    #[must_use]
    pub fn could_run(&self, id: &str) -> bool {
        let mine = self.number.is_none_or(|shard| shard.holds(id)) && !self.elsewhere.contains(id);
        mine && self.asked.holds_case(id)
    }

    /// Whether a remedy (`SCENARIO::DISTRO::REMEDY`) is among what was asked for, with all of its paths.
    #[must_use]
    pub fn could_judge(&self, id: &str) -> bool {
        self.number.is_none() && self.asked.holds_remedy(id)
    }
}

/// Arguments that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum ArgumentError {
    /// A cluster that the provider's machines cannot run.
    #[error("the provider {provider} has no cluster {cluster}")]
    Cluster {
        /// The provider.
        provider: ProviderKind,
        /// The cluster.
        cluster: ClusterKind,
        /// What there is.
        #[help]
        help: String,
    },
    /// Something of whole machines, where there are none.
    #[error("`{argument}` is for whole machines, and the provider netns makes none")]
    #[diagnostic(help("leave it out, or add `--provider libvirt`"))]
    Whole {
        /// The argument.
        argument: &'static str,
    },
    /// Something of libvirt's, without libvirt.
    #[error("`{argument}` is for `--provider libvirt`")]
    Libvirt {
        /// The argument.
        argument: &'static str,
    },
    /// Something of machines that are made, where they exist already.
    #[error("`{argument}` is for machines that the lab makes, and those of the provider {provider} exist already")]
    #[diagnostic(help("leave it out"))]
    Made {
        /// The argument.
        argument: &'static str,
        /// The provider.
        provider: ProviderKind,
    },
    /// `all` or `none` beside something else.
    #[error("`--{argument} {word}` does not go together with another `--{argument}`")]
    Alone {
        /// The argument.
        argument: &'static str,
        /// The word that must stand alone.
        word: String,
    },
}

/// Reads the files that are needed and plans.
pub fn select(args: &SelectionArgs) -> Result<Selected, Failure> {
    select_in(Catalog::open().map_err(Failure::input)?, args)
}

/// The same with a catalogue that is open already.
pub(super) fn select_in(mut catalog: Catalog, args: &SelectionArgs) -> Result<Selected, Failure> {
    let cluster = cluster(&args.lab).map_err(Failure::input)?;
    let remedies = remedies(&args.remedies).map_err(Failure::input)?;
    let scenarios = scenarios(&mut catalog, &args.scenarios)?;
    let distros = args
        .distros
        .iter()
        .map(|name| catalog.distros().named(name).cloned())
        .collect::<Result<Vec<Arc<Distro>>, _>>()
        .map_err(Failure::input)?;
    let selection = Selection { distros, remedies, filters: args.filters.clone() };
    let whole = plan(&scenarios, &selection).map_err(Failure::input)?;
    let scenarios: Vec<String> = scenarios.iter().map(|scenario| scenario.id.clone()).collect();
    let asked = asked(args, &scenarios, &selection);
    let (plan, shard, elsewhere) = match args.shard {
        None => (whole, None, HashSet::new()),
        Some(shard) => {
            let times = times::read(args.times.as_deref(), args.lab.provider.as_str(), cluster.as_str())?;
            let division = Division::of(&whole, shard.count(), &times);
            let all: HashSet<String> = whole.cases().map(|case| case.id.clone()).collect();
            (division.part(&whole, shard), Some(division.report(shard)), all)
        }
    };
    let (provider, number) = (args.lab.provider, args.shard);
    Ok(Selected { plan, provider, cluster, shard, scenarios, asked, elsewhere, number })
}

fn asked(args: &SelectionArgs, scenarios: &[String], selection: &Selection) -> Asked {
    let every = args.scenarios.iter().any(|name| name == "all");
    let distros = selection.distros.iter().map(|distro| distro.id.clone());
    Asked {
        scenarios: (!every).then(|| scenarios.to_vec()),
        distros: (!selection.distros.is_empty()).then(|| distros.collect()),
        remedies: match &selection.remedies {
            Remedies::All => None,
            Remedies::None => Some(Vec::new()),
            Remedies::Ids(ids) => Some(ids.clone()),
        },
        filters: selection.filters.clone(),
    }
}

fn cluster(args: &LabArgs) -> Result<ClusterKind, ArgumentError> {
    let provider = args.provider;
    match (provider, args.whole.misplaced(provider)) {
        (_, None) => {}
        (ProviderKind::Netns, Some((argument, _))) => return Err(ArgumentError::Whole { argument }),
        (_, Some((argument, [ProviderKind::Libvirt]))) => return Err(ArgumentError::Libvirt { argument }),
        (_, Some((argument, _))) => return Err(ArgumentError::Made { argument, provider }),
    }
    let Some(cluster) = args.cluster else { return Ok(provider.default_cluster()) };
    let clusters = provider.clusters();
    if clusters.contains(&cluster) {
        return Ok(cluster);
    }
    let words: Vec<&str> = clusters.iter().map(|cluster| cluster.as_str()).collect();
    let help = format!("it has {}", words.join(" and "));
    Err(ArgumentError::Cluster { provider, cluster, help })
}

fn remedies(words: &[String]) -> Result<Remedies, ArgumentError> {
    let alone = words.iter().find(|word| *word == "all" || *word == "none");
    match alone {
        Some(word) if words.len() > 1 => Err(ArgumentError::Alone { argument: "remedy", word: word.clone() }),
        Some(word) if word == "none" => Ok(Remedies::None),
        Some(_) => Ok(Remedies::All),
        None => Ok(Remedies::Ids(words.to_vec())),
    }
}

fn scenarios(catalog: &mut Catalog, names: &[String]) -> Result<Vec<Arc<Scenario>>, Failure> {
    if !names.iter().any(|name| name == "all") {
        let scenarios: Result<Vec<_>, _> = names.iter().map(|name| catalog.scenario(name)).collect();
        return scenarios.map_err(Failure::input);
    }
    if names.len() > 1 {
        return Err(Failure::input(ArgumentError::Alone { argument: "scenario", word: "all".to_owned() }));
    }
    let mut scenarios = Vec::new();
    let mut problems: Vec<Box<dyn Diagnostic + Send + Sync>> = Vec::new();
    for scenario in catalog.scenarios().map_err(Failure::input)? {
        match scenario {
            Ok(scenario) => scenarios.push(scenario),
            Err(problem) => problems.push(Box::new(problem)),
        }
    }
    if problems.is_empty() { Ok(scenarios) } else { Err(Failure::Input(problems)) }
}
