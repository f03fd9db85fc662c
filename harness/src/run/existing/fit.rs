//! Which clusters of a plan hosts that exist can carry.

use super::{recipe::Consent, survey::Survey};
use crate::{
    catalog::scenario::{Nodes, Underlay},
    plan::ClusterPlan,
};

/// Why a cluster of the plan is not made on these hosts; none when it is.
pub(super) fn unfit(cluster: &ClusterPlan, survey: &Survey, consent: Consent) -> Option<String> {
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
    let names: Vec<String> = cluster.conditions().map(|condition| format!("`{}`", condition.name)).collect();
    if !names.is_empty() && !consent.changes {
        return Some(format!("its conditions change the hosts ({}): `--allow-changes` lets them", names.join(", ")));
    }
    None
}
