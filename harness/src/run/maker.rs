//! What makes the clusters of a run: one provider with one kind of cluster.

use camino::Utf8Path;

use crate::{
    cluster::{
        Cluster, ClusterError,
        dataplane::Dataplane,
        kubernetes::{self, Kubernetes, KubernetesError},
    },
    model::{ClusterKind, ProviderKind, report::Host},
    plan::ClusterPlan,
    provider::{
        MachineError,
        netns::{NetnsLab, SandboxError},
    },
};

/// Why nothing can be made at all.
#[derive(Debug, thiserror::Error)]
pub enum MakerError {
    /// The sandbox could not be started.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// What real Kubernetes needs.
    #[error(transparent)]
    Kubernetes(#[from] KubernetesError),
    /// The lab's own tools could not be asked for their versions.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

/// Makes the clusters of a run. Dropping it ends all that it made.
pub enum Maker {
    /// Namespace hosts with the embedded cluster.
    Dataplane(NetnsLab),
    /// Namespace hosts with real Kubernetes.
    Kubernetes(kubernetes::Shared),
}

impl Maker {
    /// Starts what the clusters of a run share.
    pub async fn dataplane() -> Result<Self, MakerError> {
        Ok(Self::Dataplane(NetnsLab::start().await?))
    }

    /// The same for real Kubernetes; its programs are in this folder.
    pub async fn kubernetes(programs: &Utf8Path) -> Result<Self, MakerError> {
        Ok(Self::Kubernetes(kubernetes::Shared::start(programs).await?))
    }

    const fn lab(&self) -> &NetnsLab {
        match self {
            Self::Dataplane(lab) => lab,
            Self::Kubernetes(shared) => shared.lab(),
        }
    }

    /// What makes the machines.
    #[must_use]
    pub const fn provider(&self) -> ProviderKind {
        match self {
            Self::Dataplane(_) | Self::Kubernetes(_) => ProviderKind::Netns,
        }
    }

    /// What runs on them.
    #[must_use]
    pub const fn cluster(&self) -> ClusterKind {
        match self {
            Self::Dataplane(_) => ClusterKind::Dataplane,
            Self::Kubernetes(_) => ClusterKind::Kubernetes,
        }
    }

    /// Versions of what decides the result, on the host that runs the lab.
    pub async fn host(&self) -> Result<Host, MakerError> {
        Ok(super::versions::of_host(&self.lab().machine("versions", "lab").await?).await?)
    }

    /// Makes the hosts of a cluster of the plan. `name` is unique in the run.
    pub async fn make(&self, plan: &ClusterPlan, name: &str) -> Result<Box<dyn Cluster>, ClusterError> {
        match self {
            Self::Dataplane(lab) => Ok(Box::new(Dataplane::hosts(lab, plan, name).await.map_err(ClusterError::new)?)),
            Self::Kubernetes(shared) => {
                Ok(Box::new(Kubernetes::hosts(shared, plan, name).await.map_err(ClusterError::new)?))
            }
        }
    }

    /// Gives back what a cluster of that name held, however far it came.
    pub async fn clear(&self, name: &str) -> Result<(), ClusterError> {
        self.lab().remove(&format!("{name}.")).await.map_err(ClusterError::new)
    }
}
