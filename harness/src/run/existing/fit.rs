//! Which clusters of a plan hosts that exist can carry.

use super::{recipe::ExistingRecipe, survey::Survey};
use crate::{
    catalog::scenario::{Nodes, Underlay},
    plan::ClusterPlan,
};

/// Why a cluster of the plan is not made on these hosts; none when it is.
pub(super) fn unfit(cluster: &ClusterPlan, survey: &Survey, recipe: &ExistingRecipe) -> Option<String> {
    let scenario = &cluster.scenario;
    if let Nodes::Mixed(_) = scenario.nodes {
        return Some("its machines are of different distros, which is not looked at on hosts that exist".to_owned());
    }
    if scenario.underlay != Underlay::default() {
        return Some("it needs another network between the machines, and that of hosts that exist stays".to_owned());
    }
    let (needed, hosts) = (scenario.nodes.count(), survey.of(&cluster.distro.id).count());
    if hosts < needed {
        return Some(format!("it needs {needed} machines, and {hosts} of {} is named", cluster.distro.id));
    }
    let found = survey.of(&cluster.distro.id).find_map(|one| one.found.as_ref());
    if let (Some(found), Some(channel), None) = (found, &scenario.microk8s.channel, &recipe.snaps.channel)
        && found.snap.tracking.as_ref() != Some(channel)
    {
        let is = found.snap.tracking.as_deref().unwrap_or("of no channel");
        return Some(format!("it needs MicroK8s {channel}, and the one that is there is {is}"));
    }
    let names: Vec<String> = cluster.conditions().map(|condition| format!("`{}`", condition.name)).collect();
    if !names.is_empty() && !recipe.consent.changes {
        return Some(format!("its conditions change the hosts ({}): `--allow-changes` lets them", names.join(", ")));
    }
    None
}
