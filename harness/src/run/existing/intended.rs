//! What would be done to each host, said before anything is done.

use std::{collections::BTreeSet, fmt};

use super::{
    fit::unfit,
    recipe::ExistingRecipe,
    survey::{Survey, Surveyed},
};
use crate::{
    cluster::{
        image::Image,
        kube::object_names,
        microk8s::{API_PORT, Addon, FOLDERS, Source},
    },
    diagnose::TRACE_TABLE,
    plan::{ClusterPlan, Plan},
    provider::{Machine as _, existing::CLAIM},
};

/// What would be done to the hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intended {
    /// Each host, as it was named, with what it is, and what would be done there.
    pub hosts: Vec<IntendedHost>,
    /// What would stay: nothing undoes it.
    pub stays: Vec<String>,
    /// What will not be looked at, with the reason.
    pub skipped: Vec<String>,
}

/// What would be done to one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntendedHost {
    /// As it was named.
    pub host: String,
    /// What it is.
    pub is: String,
    /// What would be done, in order.
    pub changes: Vec<String>,
    /// What differs from a normal installation of its distro; it is told, and left as it is.
    pub drift: Vec<String>,
}

impl Intended {
    /// What a run of this plan would do.
    #[must_use]
    pub fn of(survey: &Survey, recipe: &ExistingRecipe, plan: &Plan) -> Self {
        let mut intended = Self::default();
        let carried: Vec<&ClusterPlan> =
            plan.clusters.iter().filter(|cluster| unfit(cluster, survey, recipe).is_none()).collect();
        for surveyed in &survey.hosts {
            let id = &surveyed.distro.id;
            let first = survey.of(id).next().is_some_and(|first| first.host.name() == surveyed.host.name());
            let own: Vec<&ClusterPlan> =
                carried.iter().copied().filter(|cluster| cluster.machines.iter().any(|one| one.id == *id)).collect();
            if own.is_empty() {
                continue;
            }
            intended.hosts.push(IntendedHost {
                host: surveyed.host.destination().to_string(),
                is: what(surveyed),
                changes: changes(surveyed, recipe, &own, first),
                drift: surveyed.drift.clone(),
            });
        }
        if let Some(outside) = &survey.outside {
            intended.hosts.push(IntendedHost {
                host: outside.destination().to_string(),
                is: format!("{}, outside of the clusters", outside.facts().os.title),
                changes: agent(),
                drift: Vec::new(),
            });
        }
        intended.stays = stays(&carried);
        intended.skipped = skipped(survey, recipe, plan);
        intended
    }
}

fn what(surveyed: &Surveyed) -> String {
    let microk8s = surveyed.found.as_ref().map_or_else(
        || "no MicroK8s".to_owned(),
        |found| {
            let channel = found.snap.tracking.as_deref().unwrap_or("no channel");
            format!("MicroK8s {} (revision {}, {channel})", found.snap.version, found.snap.revision)
        },
    );
    format!("{}, {microk8s}", surveyed.host.facts().os.title)
}

fn agent() -> Vec<String> {
    let [files, sockets] = FOLDERS;
    vec![
        format!("claim the host for this run ({CLAIM})"),
        format!("copy the agent to {files}, and run it as root; its sockets are in {sockets}"),
    ]
}

/// `clusters` are those that it is part of; their objects are created from the `first` of its hosts.
fn changes(surveyed: &Surveyed, recipe: &ExistingRecipe, clusters: &[&ClusterPlan], first: bool) -> Vec<String> {
    let mut changes = agent();
    if let (None, Some(cluster)) = (&surveyed.found, clusters.first()) {
        let source = recipe.snaps.source(cluster);
        let what = match source {
            Source::Files(_) => format!("MicroK8s {source} from files"),
            Source::Store { .. } | Source::Present => format!("MicroK8s {source} from the store"),
        };
        changes.push(format!("install {what}, with snapd and the snaps that it needs where they are missing"));
    }
    if !surveyed.found.as_ref().is_some_and(|found| found.has_image) {
        changes.push(format!("import the image {} into MicroK8s", Image::agent().full_name()));
    }
    changes.push(format!("use the API on port {API_PORT} of its own loopback, as MicroK8s's administrator"));
    if first {
        let missing = missing(surveyed, recipe);
        if recipe.consent.install && !missing.is_empty() {
            changes.push(format!("enable the addons {}, and disable them again", missing.join(", ")));
        }
        let objects: Vec<String> = objects(clusters).into_iter().collect();
        changes.push(format!(
            "create in the cluster: Namespace pathlab with one probing pod per vantage, {}",
            objects.join(", ")
        ));
    }
    changes.push(format!(
        "where a path fails: trace it with an nftables table of its own (inet {TRACE_TABLE}) for some seconds"
    ));
    changes.push("read logs, firewall rules, routes and sysctls for the evidence".to_owned());
    changes
}

/// Addons that workloads need and that are not enabled.
pub(super) fn missing<'a>(surveyed: &Surveyed, recipe: &'a ExistingRecipe) -> Vec<&'a str> {
    let enabled = surveyed.addons();
    recipe.addons.iter().map(Addon::name).filter(|name| !enabled.iter().any(|known| known == name)).collect()
}

fn objects(clusters: &[&ClusterPlan]) -> BTreeSet<String> {
    // Manifests that cannot be read are refused before; here there is nothing to say of them.
    let names = clusters.iter().filter_map(|cluster| object_names(&cluster.scenario.manifests).ok());
    names.flatten().map(|name| name.to_string()).collect()
}

fn stays(clusters: &[&ClusterPlan]) -> Vec<String> {
    let mut stays = Vec::new();
    for cluster in clusters {
        let distro = &cluster.distro.id;
        for condition in cluster.conditions() {
            stays.push(format!("{distro}: condition `{}`: {}", condition.name, condition.run.join("; ")));
        }
        if let Some(remedy) = &cluster.remedy {
            stays.push(format!("{distro}: remedy `{}`: {}", remedy.id, remedy.run.join("; ")));
        }
    }
    let mut seen = BTreeSet::new();
    stays.retain(|line| seen.insert(line.clone()));
    stays
}

fn skipped(survey: &Survey, recipe: &ExistingRecipe, plan: &Plan) -> Vec<String> {
    let mut lines: Vec<String> = plan
        .clusters
        .iter()
        .filter_map(|cluster| Some(format!("{}: {}", cluster.id(), unfit(cluster, survey, recipe)?)))
        .collect();
    if survey.outside.is_none() {
        lines.push(super::NO_OUTSIDE.to_owned());
    }
    for surveyed in survey.hosts.iter().filter(|one| one.found.is_some() && !recipe.consent.install) {
        for addon in missing(surveyed, recipe) {
            lines.push(format!(
                "{}: paths that need the addon {addon}, which is not enabled there (`--install` enables it for the run)",
                surveyed.host.destination()
            ));
        }
    }
    lines
}

impl fmt::Display for Intended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for host in &self.hosts {
            writeln!(f, "On {} ({}) this run would", host.host, host.is)?;
            host.changes.iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
            if !host.drift.is_empty() {
                writeln!(f, "  It is not a normal installation of its distro, and stays what it is:")?;
                host.drift.iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
            }
        }
        writeln!(f, "All of that is taken away again when the run ends; `lab gc` does it where the run was killed.")?;
        if !self.stays.is_empty() {
            writeln!(f, "NOT taken away again, because nothing undoes it:")?;
            self.stays.iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
        }
        if !self.skipped.is_empty() {
            writeln!(f, "Not looked at:")?;
            self.skipped.iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
        }
        Ok(())
    }
}
