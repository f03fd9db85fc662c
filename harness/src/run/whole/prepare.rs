//! From fresh machines to an installed cluster: packages, policy, MicroK8s.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};

use super::{
    group::Prepare,
    recipe::WholeRecipe,
    subscription::{OnList, Subscription, registered, unregister},
};
use crate::{
    catalog::{distro::Distro, scenario::When},
    cluster::{
        Cluster as _,
        microk8s::{Limits, Member, MicroK8s, MicroK8sOptions},
        workload::AgentSocket,
    },
    plan::ClusterPlan,
    policy::HostKind,
    provider::{Command, Machine, MachineError, WholeMachine},
    run::{
        hosts,
        observation::{HostFacts, LifeError},
        progress::Phase,
    },
};

/// How long one line that prepares a machine's packages may take.
const PACKAGES: Duration = Duration::from_secs(20 * 60);

/// A cluster on these machines, whether MicroK8s is installed there already or not.
pub(super) fn cluster(
    recipe: &WholeRecipe,
    plan: &ClusterPlan,
    machines: &[Arc<dyn WholeMachine>],
    outside: Option<AgentSocket>,
) -> MicroK8s {
    let member = |(machine, distro): (&Arc<dyn WholeMachine>, &Arc<_>)| Member {
        machine: Arc::clone(machine) as Arc<dyn Machine>,
        ip: machine.address(),
        distro: Arc::clone(distro),
    };
    let patience = machines.iter().map(|machine| machine.patience()).max().unwrap_or(1);
    let options = MicroK8sOptions {
        source: recipe.snaps.source(plan),
        addons: plan.scenario.microk8s.addons.clone(),
        epel: recipe.epel.clone(),
        limits: Limits::default().patient(patience),
        outside,
    };
    let members = machines.iter().zip(&plan.machines).map(member).collect();
    MicroK8s::new(members, Arc::clone(&plan.scenario), options)
}

/// Makes fresh machines what normal installations are, and installs the cluster of a plan.
pub(super) struct Preparation<'a, T> {
    pub(super) recipe: &'a WholeRecipe,
    pub(super) plan: &'a ClusterPlan,
    pub(super) tell: &'a T,
}

#[async_trait]
impl<T: Fn(Phase) + Sync> Prepare for Preparation<'_, T> {
    async fn prepare(&self, machines: &[Arc<dyn WholeMachine>]) -> Result<HostFacts, LifeError> {
        let Some(subscription) = Subscription::from_environment() else { return self.install(machines).await };
        let members = || registered(machines, &self.plan.machines);
        let on_list = OnList::new(members());
        let registering = try_join_all(members().map(|machine| subscription.register(&**machine)));
        let installed = match registering.await {
            Ok(_) => self.install(machines).await,
            Err(error) => Err(failed(Phase::Policy, error)),
        };
        join_all(members().map(|machine| unregister(&**machine))).await;
        on_list.done();
        installed
    }
}

impl<T: Fn(Phase) + Sync> Preparation<'_, T> {
    async fn install(&self, machines: &[Arc<dyn WholeMachine>]) -> Result<HostFacts, LifeError> {
        let Self { recipe, plan, tell } = self;
        let mut cluster = cluster(recipe, plan, machines, None);
        tell(Phase::Policy);
        let facts = policy(&cluster, plan, machines).await.map_err(|error| failed(Phase::Policy, error))?;
        // Conditions may have changed what the policy made of them.
        let before = hosts::firewall_drift(&cluster, plan).await.map_err(|error| failed(Phase::Policy, error))?;
        tell(Phase::Cluster);
        let started = match cluster.start().await {
            Ok(()) => cluster.disconnect().await,
            Err(error) => Err(error),
        };
        started.map_err(|error| failed(Phase::Cluster, error))?;
        // Nothing of what let the nodes join may stay.
        let drift = hosts::firewall_drift(&cluster, plan).await.map_err(|error| failed(Phase::Cluster, error))?;
        if drift != before {
            let (machine, distro) = (machines[0].name().to_owned(), plan.distro.id.clone());
            return Err(failed(Phase::Cluster, LifeError::Drift { machine, distro, drift }));
        }
        let lasting = hosts::lasting_firewalls(&cluster, plan).await;
        let lasting_firewalls = lasting.map_err(|error| failed(Phase::Cluster, error))?;
        let of = |distro: &Arc<Distro>| Some((distro.id.clone(), recipe.images.get(&distro.id)?.sha256.clone()));
        let mut other_images: BTreeMap<String, String> = plan.machines.iter().filter_map(of).collect();
        let image = other_images.remove(&plan.distro.id);
        let revisions: BTreeSet<&str> = cluster.installed().iter().map(|snap| snap.revision.as_str()).collect();
        let snap = (!revisions.is_empty()).then(|| revisions.into_iter().collect::<Vec<_>>().join(" and "));
        Ok(HostFacts { lasting_firewalls, image, other_images, snap, ..facts })
    }
}

fn failed(step: Phase, source: impl Into<LifeError>) -> LifeError {
    LifeError::Step { step, source: Box::new(source.into()) }
}

async fn policy(
    cluster: &MicroK8s,
    plan: &ClusterPlan,
    machines: &[Arc<dyn WholeMachine>],
) -> Result<HostFacts, LifeError> {
    for (machine, distro) in machines.iter().zip(&plan.machines) {
        lines(&**machine, &distro.prepare).await?;
    }
    let facts = hosts::apply_policy(cluster, plan, HostKind::Whole).await?;
    hosts::conditions(cluster, plan, When::BeforeCluster, HostKind::Whole).await?;
    Ok(facts)
}

async fn lines(machine: &dyn WholeMachine, lines: &[String]) -> Result<(), MachineError> {
    for line in lines {
        let command = Command::shell(line).limit(PACKAGES);
        machine.run(&command).await?.success(machine.name(), &command)?;
    }
    Ok(())
}
