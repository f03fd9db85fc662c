//! Clusters that are up already, and stay when the run that looks at them ends.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::observation::Before;
use crate::{
    cluster::{Cluster, ClusterError},
    model::{ClusterKind, ProviderKind, report::Host},
};

/// The clusters of a lab that stays up.
pub struct Kept {
    provider: ProviderKind,
    cluster: ClusterKind,
    host: Host,
    clusters: Mutex<BTreeMap<String, (Box<dyn Cluster>, Before)>>,
}

/// The lab has no such cluster.
#[derive(Debug, thiserror::Error)]
#[error("the lab has no cluster {0}")]
struct NotThere(String);

impl Kept {
    /// A lab of this provider and kind of cluster. `host` is what decides results on the host that runs it.
    #[must_use]
    pub const fn new(provider: ProviderKind, cluster: ClusterKind, host: Host) -> Self {
        Self { provider, cluster, host, clusters: Mutex::new(BTreeMap::new()) }
    }

    /// Adds a cluster by the id of its part of the plan.
    #[must_use]
    pub fn with(self, id: String, cluster: Box<dyn Cluster>, before: Before) -> Self {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (cluster, before));
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

    pub(super) fn take(&self, id: &str) -> Result<(Box<dyn Cluster>, Before), ClusterError> {
        let taken = self.clusters.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        taken.ok_or_else(|| ClusterError::new(NotThere(id.to_owned())))
    }
}
