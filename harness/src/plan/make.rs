//! From scenarios and a selection to the plan.

use std::{collections::HashSet, sync::Arc};

use camino::Utf8PathBuf;
use miette::Diagnostic;

use super::{AS_INSTALLED, Case, ClusterPlan, NotApplicable, Plan, Remedies, Selection};
use crate::{
    catalog::{
        distro::Distro,
        scenario::{Nodes, Remedy, Scenario},
    },
    suggest,
};

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum PlanError {
    /// A remedy that no selected scenario has.
    #[error("unknown remedy `{name}`")]
    UnknownRemedy {
        /// The name asked for.
        name: String,
        /// What there is.
        #[help]
        help: String,
    },
    /// Two folders with one scenario id: their cases would have the same names.
    #[error("the scenario `{id}` is selected from two folders: {first} and {second}")]
    #[diagnostic(help("select one of them, or rename one"))]
    SameId {
        /// The id.
        id: String,
        /// One folder.
        first: Utf8PathBuf,
        /// The other folder.
        second: Utf8PathBuf,
    },
    /// No case is left.
    #[error("no case is selected: {reason}")]
    #[diagnostic(help("`lab plan` without these arguments shows every case"))]
    Nothing {
        /// What left none.
        reason: String,
    },
}

/// Makes the plan: clusters in the order of scenarios, distros and remedies, as installed first.
pub fn plan(scenarios: &[Arc<Scenario>], selection: &Selection) -> Result<Plan, PlanError> {
    let scenarios = distinct(scenarios)?;
    check_remedies(&scenarios, &selection.remedies)?;
    let mut plan = Plan::default();
    let mut filtered = false;
    for scenario in &scenarios {
        for distro in distros(scenario, selection) {
            let machines = machines(scenario, &distro);
            let states = scenario.remedies.iter().filter(|remedy| selection.remedies.holds(&remedy.id)).map(Some);
            for remedy in std::iter::once(None).chain(states) {
                let applies = remedy.is_none_or(|remedy| machines.iter().any(|machine| remedy.applies(machine)));
                let all = cases(scenario, &distro, remedy);
                filtered |= applies && all.iter().any(|case| selection.passes_filters(&case.id));
                let cases: Vec<Case> = all.into_iter().filter(|case| selection.passes_filters(&case.id)).collect();
                match (remedy, cases.is_empty()) {
                    (_, true) => {}
                    (Some(remedy), false) if !applies => plan.not_applicable.push(NotApplicable {
                        scenario: scenario.id.clone(),
                        distro: distro.id.clone(),
                        remedy: remedy.clone(),
                    }),
                    (remedy, false) => plan.clusters.push(ClusterPlan {
                        scenario: Arc::clone(scenario),
                        distro: Arc::clone(&distro),
                        machines: machines.clone(),
                        remedy: remedy.cloned(),
                        cases,
                    }),
                }
            }
        }
    }
    // A filter that fits nothing is a slip that must not pass as green.
    if filtered { Ok(plan) } else { Err(PlanError::Nothing { reason: reason(&scenarios, selection) }) }
}

/// The scenarios, each once.
fn distinct(scenarios: &[Arc<Scenario>]) -> Result<Vec<Arc<Scenario>>, PlanError> {
    let mut distinct: Vec<Arc<Scenario>> = Vec::new();
    for scenario in scenarios {
        match distinct.iter().find(|known| known.id == scenario.id) {
            None => distinct.push(Arc::clone(scenario)),
            Some(known) if known.dir == scenario.dir => {}
            Some(known) => {
                return Err(PlanError::SameId {
                    id: scenario.id.clone(),
                    first: known.dir.clone(),
                    second: scenario.dir.clone(),
                });
            }
        }
    }
    Ok(distinct)
}

fn check_remedies(scenarios: &[Arc<Scenario>], remedies: &Remedies) -> Result<(), PlanError> {
    let Remedies::Ids(ids) = remedies else { return Ok(()) };
    let mut known: Vec<&str> = Vec::new();
    for remedy in scenarios.iter().flat_map(|scenario| &scenario.remedies) {
        if !known.contains(&remedy.id.as_str()) {
            known.push(&remedy.id);
        }
    }
    match ids.iter().find(|id| !known.contains(&id.as_str())) {
        None => Ok(()),
        Some(name) => Err(PlanError::UnknownRemedy { name: name.clone(), help: suggest::help(name, known) }),
    }
}

/// The command line's distros, else the scenario's, each once. A mixed cluster has the distros that it
/// has: it runs when one of them is asked for.
fn distros(scenario: &Scenario, selection: &Selection) -> Vec<Arc<Distro>> {
    if selection.distros.is_empty() {
        return scenario.distros.clone();
    }
    if let Nodes::Mixed(machines) = &scenario.nodes {
        let asked = selection.distros.iter().any(|distro| machines.iter().any(|machine| machine.id == distro.id));
        return if asked { scenario.distros.clone() } else { Vec::new() };
    }
    let mut seen = HashSet::new();
    selection.distros.iter().filter(|distro| seen.insert(&distro.id)).cloned().collect()
}

fn machines(scenario: &Scenario, distro: &Arc<Distro>) -> Vec<Arc<Distro>> {
    match &scenario.nodes {
        Nodes::Count(count) => vec![Arc::clone(distro); usize::from(*count)],
        Nodes::Mixed(machines) => machines.clone(),
    }
}

fn cases(scenario: &Scenario, distro: &Distro, remedy: Option<&Remedy>) -> Vec<Case> {
    let state = remedy.map_or(AS_INSTALLED, |remedy| &remedy.id);
    let case = |spec: &crate::catalog::scenario::PathSpec| Case {
        id: format!("{}::{}::{state}::{}", scenario.id, distro.id, spec.path),
        spec: spec.clone(),
    };
    scenario.paths.iter().map(case).collect()
}

fn reason(scenarios: &[Arc<Scenario>], selection: &Selection) -> String {
    if scenarios.is_empty() {
        return "there is no scenario".to_owned();
    }
    if selection.filters.is_empty() {
        let ids: Vec<&str> = selection.distros.iter().map(|distro| distro.id.as_str()).collect();
        return format!("no selected scenario has a machine of {}", suggest::list(&ids));
    }
    let filters: Vec<String> = selection.filters.iter().map(|filter| format!("`{filter}`")).collect();
    format!("no case's name holds {}", filters.join(" or "))
}
