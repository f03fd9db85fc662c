//! What makes the clusters of a run: one provider with one kind of cluster.

use std::sync::Arc;

use camino::Utf8PathBuf;
use miette::Diagnostic;

use super::{
    existing::{Existing, ExistingRecipe, SurveyError},
    kept::Kept,
    observation::{Before, HostFacts, LifeError},
    progress::Phase,
    whole::{Owner, Whole, WholeRecipe},
};
use crate::{
    cluster::{
        Cluster, ClusterError,
        dataplane::Dataplane,
        kubernetes::{self, Kubernetes, KubernetesError},
    },
    diagnose::evidence::Evidence,
    ledger::{LabName, LedgerError},
    model::{ClusterKind, ProviderKind, report::Host},
    plan::{ClusterPlan, Plan},
    provider::{
        MachineError, PoolError, ProviderError, ThisHost, WholeMachine,
        netns::{NetnsLab, SandboxError},
    },
};

/// Why nothing can be made at all.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum MakerError {
    /// The sandbox could not be started.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// What real Kubernetes needs.
    #[error(transparent)]
    Kubernetes(#[from] KubernetesError),
    /// What makes whole machines does not answer.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Provider(#[from] ProviderError),
    /// The hosts of whole machines.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Hosts that exist, as they were found.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Survey(#[from] SurveyError),
    /// Nothing can be made that cannot be written down before.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// The lab's own tools could not be asked for their versions.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

/// What is to be made.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipe {
    /// Namespace hosts with the embedded cluster.
    Dataplane,
    /// Namespace hosts with real Kubernetes.
    Kubernetes {
        /// Folder of its programs.
        programs: Utf8PathBuf,
    },
    /// Whole machines with MicroK8s.
    Whole(Box<WholeRecipe>),
    /// Hosts that exist, with MicroK8s.
    Existing(Box<ExistingRecipe>),
}

/// Makes the clusters of a run. Dropping it ends all that it made on namespace hosts; whole machines need
/// [`Maker::end`].
pub enum Maker {
    /// Namespace hosts with the embedded cluster.
    Dataplane(NetnsLab),
    /// Namespace hosts with real Kubernetes.
    Kubernetes(kubernetes::Shared),
    /// Whole machines with MicroK8s.
    Whole(Box<Whole>),
    /// Hosts that exist, with MicroK8s.
    Existing(Box<Existing>),
    /// Nothing: the clusters are up already, and stay.
    Kept(Kept),
}

/// A cluster, as far as its maker made it.
pub enum Made {
    /// Bare hosts: policy, cluster and workload are to come.
    Fresh(Box<dyn Cluster>),
    /// Machines with their policy and an installed cluster that runs: [`Cluster::start`] finds it so.
    Installed(Installed),
    /// All of it, and what was seen so far.
    Resumed(Box<dyn Cluster>, Before),
}

/// Whole machines on which the cluster is installed.
pub struct Installed {
    /// The cluster.
    pub cluster: Box<dyn Cluster>,
    /// Its machines, in order.
    pub machines: Vec<Arc<dyn WholeMachine>>,
    /// What is known of them.
    pub hosts: HostFacts,
}

/// What is left to say when all that was made has ended.
#[derive(Debug, Default)]
pub struct Farewell {
    /// What the consoles of whole machines printed, under names that are unique in the run.
    pub consoles: Vec<(String, Evidence)>,
    /// What could not be removed.
    pub faults: Vec<String>,
    /// Labs whose machines a later run may use again.
    pub kept: Vec<LabName>,
}

impl Maker {
    /// Starts what the clusters of a run share. `owner` is who holds what does not end by itself.
    pub async fn start(recipe: &Recipe, owner: Owner) -> Result<Self, MakerError> {
        Ok(match recipe {
            Recipe::Dataplane => Self::Dataplane(NetnsLab::start().await?),
            Recipe::Kubernetes { programs } => Self::Kubernetes(kubernetes::Shared::start(programs).await?),
            Recipe::Existing(recipe) => Self::Existing(Box::new(Existing::start((**recipe).clone()).await?)),
            Recipe::Whole(recipe) => Self::Whole(Box::new(Whole::start((**recipe).clone(), owner).await?)),
        })
    }

    /// What makes the machines.
    #[must_use]
    pub const fn provider(&self) -> ProviderKind {
        match self {
            Self::Dataplane(_) | Self::Kubernetes(_) => ProviderKind::Netns,
            Self::Whole(whole) => whole.kind(),
            Self::Existing(_) => ProviderKind::Ssh,
            Self::Kept(kept) => kept.provider(),
        }
    }

    /// What somebody should know who waits for the machines, one line each.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        match self {
            Self::Whole(whole) => whole.notices(),
            Self::Dataplane(_) | Self::Kubernetes(_) | Self::Existing(_) | Self::Kept(_) => &[],
        }
    }

    /// What runs on them.
    #[must_use]
    pub const fn cluster(&self) -> ClusterKind {
        match self {
            Self::Dataplane(_) => ClusterKind::Dataplane,
            Self::Kubernetes(_) => ClusterKind::Kubernetes,
            Self::Whole(_) | Self::Existing(_) => ClusterKind::Microk8s,
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
            Self::Existing(_) => return Ok(super::versions::of_host(&ThisHost).await?),
            Self::Whole(whole) => {
                let (libvirt, qemu) = (whole.version("libvirt"), whole.version("qemu"));
                return Ok(Host { libvirt, qemu, ..super::versions::of_host(&ThisHost).await? });
            }
            Self::Kept(kept) => return Ok(kept.host().clone()),
        };
        Ok(super::versions::of_host(&lab.machine("versions", "lab").await?).await?)
    }

    /// Why a cluster of the plan is not made by this maker; none when it is.
    #[must_use]
    pub fn lacking(&self, plan: &ClusterPlan) -> Option<String> {
        plan.not_carried(self.provider()).or_else(|| match self {
            Self::Existing(existing) => existing.unfit(plan),
            Self::Dataplane(_) | Self::Kubernetes(_) | Self::Whole(_) | Self::Kept(_) => None,
        })
    }

    /// Which clusters of a plan (by index) must be made one after the other, in this order; clusters of different
    /// queues may live at the same time.
    #[must_use]
    pub fn queues(&self, plan: &Plan) -> Vec<Vec<usize>> {
        match self {
            Self::Whole(whole) => whole.queues(plan),
            Self::Existing(_) => Existing::queues(plan),
            Self::Dataplane(_) | Self::Kubernetes(_) | Self::Kept(_) => {
                (0..plan.clusters.len()).map(|index| vec![index]).collect()
            }
        }
    }

    /// Makes a cluster of the plan, or as much of it as this maker does. `name` is unique in the run; `tell` hears of
    /// each phase as it starts.
    pub async fn make(
        &self,
        plan: &ClusterPlan,
        name: &str,
        tell: &(impl Fn(Phase) + Sync),
    ) -> Result<Made, LifeError> {
        match self {
            Self::Dataplane(lab) => {
                tell(Phase::Hosts);
                let hosts = Dataplane::hosts(lab, plan, name).await.map_err(ClusterError::new)?;
                Ok(Made::Fresh(Box::new(hosts)))
            }
            Self::Kubernetes(shared) => {
                tell(Phase::Hosts);
                let hosts = Kubernetes::hosts(shared, plan, name).await.map_err(ClusterError::new)?;
                Ok(Made::Fresh(Box::new(hosts)))
            }
            Self::Whole(whole) => Ok(Made::Installed(whole.make(plan, tell).await?)),
            Self::Existing(existing) => Ok(Made::Installed(existing.make(plan, tell).await?)),
            Self::Kept(kept) => {
                let (cluster, before) = kept.look(&plan.id())?;
                Ok(Made::Resumed(cluster, before))
            }
        }
    }

    /// Gives back what a cluster of that name held, however far it came.
    pub async fn clear(&self, name: &str) -> Result<(), ClusterError> {
        let lab = match self {
            Self::Dataplane(lab) => lab,
            Self::Kubernetes(shared) => shared.lab(),
            Self::Whole(_) | Self::Existing(_) | Self::Kept(_) => return Ok(()),
        };
        lab.remove(&format!("{name}.")).await.map_err(ClusterError::new)
    }

    /// Gives back what the clusters of a queue shared, once the last of them has ended.
    pub async fn release(&self, plan: &ClusterPlan) {
        match self {
            Self::Whole(whole) => whole.release(plan).await,
            Self::Existing(existing) => existing.release(plan).await,
            Self::Dataplane(_) | Self::Kubernetes(_) | Self::Kept(_) => {}
        }
    }

    /// Ends all that was made and is this maker's own.
    pub async fn end(self) -> Farewell {
        match self {
            Self::Whole(whole) => whole.end().await,
            Self::Existing(existing) => existing.end().await,
            Self::Dataplane(_) | Self::Kubernetes(_) | Self::Kept(_) => Farewell::default(),
        }
    }
}
