//! Where the MicroK8s of each cluster comes from: as the command line says, else the lock, else the scenario.

use std::collections::BTreeMap;

use crate::{
    catalog::scenario::Scenario,
    cluster::microk8s::{SnapFiles, Source},
    plan::ClusterPlan,
};

/// The channel when nothing is said.
const CHANNEL: &str = "1.32/stable";

/// Where the MicroK8s of each cluster comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snaps {
    /// Files, for machines without network.
    pub files: Option<SnapFiles>,
    /// The channel that the command line names.
    pub channel: Option<String>,
    /// The revision that the command line names.
    pub revision: Option<u32>,
    /// The revision that is locked for each distro, by its id.
    pub locked: BTreeMap<String, u32>,
}

impl Snaps {
    /// The channel for a scenario's clusters.
    #[must_use]
    pub fn channel<'a>(&'a self, scenario: &'a Scenario) -> &'a str {
        self.channel.as_deref().or(scenario.microk8s.channel.as_deref()).unwrap_or(CHANNEL)
    }

    /// Where the MicroK8s of a cluster comes from.
    #[must_use]
    pub fn source(&self, plan: &ClusterPlan) -> Source {
        match &self.files {
            Some(files) => Source::Files(files.clone()),
            None => Source::Store {
                channel: self.channel(&plan.scenario).to_owned(),
                revision: self.revision.or_else(|| self.locked.get(&plan.distro.id).copied()),
            },
        }
    }
}
