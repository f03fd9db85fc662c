//! Clusters that are up already, and stay when the run that looks at them ends.

use std::collections::BTreeMap;

use super::observation::Before;
use crate::{
    cluster::{Cluster, ClusterError, ClusterFault},
    model::{ClusterKind, ProviderKind, report::Host},
};

/// The clusters of a lab that stays up.
pub struct Kept {
    provider: ProviderKind,
    cluster: ClusterKind,
    host: Box<Host>,
    clusters: BTreeMap<String, (Seen, Before)>,
}

/// Looks at a cluster that is up, as often as it is called.
type Seen = Box<dyn Fn() -> Box<dyn Cluster> + Send + Sync>;

/// The lab has no such cluster.
#[derive(Debug, thiserror::Error)]
#[error("the lab has no cluster {0}")]
struct NotThere(String);

impl ClusterFault for NotThere {}

impl Kept {
    /// A lab of this provider and kind of cluster. `host` is what decides results on the host that runs it.
    #[must_use]
    pub fn new(provider: ProviderKind, cluster: ClusterKind, host: Host) -> Self {
        Self { provider, cluster, host: Box::new(host), clusters: BTreeMap::new() }
    }

    /// Adds a cluster by the id of its part of the plan.
    #[must_use]
    pub fn with(mut self, id: String, cluster: Seen, before: Before) -> Self {
        self.clusters.insert(id, (cluster, before));
        self
    }

    pub(super) const fn provider(&self) -> ProviderKind {
        self.provider
    }

    pub(super) const fn cluster(&self) -> ClusterKind {
        self.cluster
    }

    pub(super) const fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn look(&self, id: &str) -> Result<(Box<dyn Cluster>, Before), ClusterError> {
        let (cluster, before) = self.clusters.get(id).ok_or_else(|| ClusterError::new(NotThere(id.to_owned())))?;
        Ok((cluster(), before.clone()))
    }
}
