//! The plan: which clusters a run needs and which cases run in each. Pure.

mod carry;
mod division;
#[cfg(test)]
mod division_tests;
mod make;
pub mod render;
mod selection;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::{
    division::{Division, Times},
    make::{PlanError, plan},
    selection::{ParseShardError, Remedies, Selection, Shard},
};

use crate::catalog::{
    distro::Distro,
    scenario::{PathSpec, Remedy, Scenario},
};
pub use crate::model::AS_INSTALLED;

/// Everything a run will do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One entry per scenario, distro and state (as installed first, then the remedies), in that order.
    pub clusters: Vec<ClusterPlan>,
    /// Remedies that are not for a distro; they get no cluster and no case.
    pub not_applicable: Vec<NotApplicable>,
}

/// One independent cluster and its cases.
#[derive(Clone, Debug)]
pub struct ClusterPlan {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The distro whose name its cases carry.
    pub distro: Arc<Distro>,
    /// The distro of each machine.
    pub machines: Vec<Arc<Distro>>,
    /// The remedy that is applied; none is as installed.
    pub remedy: Option<Remedy>,
    /// The cases, in the order of the scenario's paths. Never empty.
    pub cases: Vec<Case>,
}

/// One generated test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// `SCENARIO::DISTRO::as-installed|REMEDY::FROM-to-TARGET[:tcp|:udp][:large][:ipv6]`.
    pub id: String,
    /// The access path and what is expected of it.
    pub spec: PathSpec,
}

/// A remedy that is not for a distro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotApplicable {
    /// Scenario id.
    pub scenario: String,
    /// Distro id.
    pub distro: String,
    /// The remedy.
    pub remedy: Remedy,
}

impl ClusterPlan {
    /// `SCENARIO::DISTRO::as-installed|REMEDY`, the common part of its cases' ids.
    #[must_use]
    pub fn id(&self) -> String {
        let state = self.remedy.as_ref().map_or(AS_INSTALLED, |remedy| &remedy.id);
        format!("{}::{}::{state}", self.scenario.id, self.distro.id)
    }
}

impl Plan {
    /// Every case, in order.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.clusters.iter().flat_map(|cluster| &cluster.cases)
    }
}
