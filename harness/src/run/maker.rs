//! What makes the clusters of a run: one provider with one kind of cluster.

use camino::Utf8PathBuf;

use super::kept::Kept;
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

/// What is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// Namespace hosts with the embedded cluster.
    Dataplane,
    /// Namespace hosts with real Kubernetes.
    Kubernetes {
        /// Folder of its programs.
        programs: Utf8PathBuf,
    },
}

/// Makes the clusters of a run. Dropping it ends all that it made.
pub enum Maker {
    /// Namespace hosts with the embedded cluster.
    Dataplane(NetnsLab),
    /// Namespace hosts with real Kubernetes.
    Kubernetes(kubernetes::Shared),
    /// Nothing: the clusters are up already, and stay.
    Kept(Kept),
}

impl Maker {
    /// Starts what the clusters of a run share.
    pub async fn start(recipe: &Recipe) -> Result<Self, MakerError> {
        Ok(match recipe {
            Recipe::Dataplane => Self::Dataplane(NetnsLab::start().await?),
            Recipe::Kubernetes { programs } => Self::Kubernetes(kubernetes::Shared::start(programs).await?),
        })
    }

    /// What makes the machines.
    #[must_use]
    pub const fn provider(&self) -> ProviderKind {
        match self {
            Self::Dataplane(_) | Self::Kubernetes(_) => ProviderKind::Netns,
            Self::Kept(kept) => kept.provider(),
        }
    }

    /// What runs on them.
    #[must_use]
    pub const fn cluster(&self) -> ClusterKind {
        match self {
            Self::Dataplane(_) => ClusterKind::Dataplane,
            Self::Kubernetes(_) => ClusterKind::Kubernetes,
            Self::Kept(kept) => kept.cluster(),
        }
    }

    /// Versions of what decides the result, on the host that runs the lab.
    pub async fn host(&self) -> Result<Host, MakerError> {
        let lab = match self {
            Self::Dataplane(lab) => lab,
            Self::Kubernetes(shared) => {
                return Ok(super::versions::of_kubernetes_host(&shared.lab().machine("versions", "lab").await?).await?);
            }
            Self::Kept(kept) => return Ok(kept.host().clone()),
        };
        Ok(super::versions::of_host(&lab.machine("versions", "lab").await?).await?)
    }

    /// Makes the hosts of a cluster of the plan. `name` is unique in the run.
    pub async fn make(&self, plan: &ClusterPlan, name: &str) -> Result<Box<dyn Cluster>, ClusterError> {
        match self {
            Self::Dataplane(lab) => Ok(Box::new(Dataplane::hosts(lab, plan, name).await.map_err(ClusterError::new)?)),
            Self::Kubernetes(shared) => {
                Ok(Box::new(Kubernetes::hosts(shared, plan, name).await.map_err(ClusterError::new)?))
            }
            Self::Kept(kept) => kept.look(&plan.id()).map(|(cluster, _)| cluster),
        }
    }

    /// Gives back what a cluster of that name held, however far it came.
    pub async fn clear(&self, name: &str) -> Result<(), ClusterError> {
        let lab = match self {
            Self::Dataplane(lab) => lab,
            Self::Kubernetes(shared) => shared.lab(),
            Self::Kept(_) => return Ok(()),
        };
        lab.remove(&format!("{name}.")).await.map_err(ClusterError::new)
    }
}
