//! Whole machines with MicroK8s: the machines of a run in groups, or those of a lab that stays up.

mod group;
#[cfg(test)]
mod group_tests;
mod kept;
mod log;
mod outside;
mod prepare;
mod recipe;
mod resident;
mod subscription;
mod tools;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;

use self::{
    group::{Clean, Group, Prepare as _},
    kept::Keeping,
    prepare::{Preparation, cluster},
    resident::Residents,
    tools::Tools,
};
pub use self::{
    kept::stamp,
    recipe::{BootImage, LibvirtHosts, Size, WholeProvider, WholeRecipe},
};
use super::{
    hosts::{conditions, firewalls_are_back},
    maker::{Farewell, Installed, MakerError},
    observation::LifeError,
    progress::Phase,
    snaps::Snaps,
};
use crate::{
    catalog::{microk8s::Addon, scenario::When},
    ledger::{About, Entry, Ledger},
    model::{ProviderKind, Vantage},
    plan::{ClusterPlan, Plan},
    policy::HostKind,
};

/// Who holds the machines that are made.
pub enum Owner {
    /// The run, in ledger entries of its own: they go with it.
    Run,
    /// A lab that stays up, with all clusters of this plan at the same time.
    Lab(Arc<Entry>, Plan),
}

/// Makes whole machines with MicroK8s.
pub struct Whole {
    recipe: WholeRecipe,
    stock: Stock,
    facts: HostsFacts,
}

/// What the hosts of machines said of themselves.
#[derive(Default)]
struct HostsFacts {
    /// What somebody should know who waits for machines, one line each.
    notices: Vec<String>,
    /// What makes the machines and its version, host by host.
    versions: Vec<BTreeMap<String, String>>,
}

enum Stock {
    /// Clusters whose machines are the same take turns on them.
    Groups { tools: Arc<Tools>, groups: Mutex<HashMap<Key, Arc<Group>>> },
    /// Every cluster has its own.
    Residents(Box<Residents>),
}

/// What must be the same for clusters to share machines: the distros, all that happens before the cluster is
/// installed, and the cluster itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    distros: Vec<String>,
    conditions: Vec<String>,
    microk8s: String,
    addons: Vec<String>,
}

impl Key {
    fn of(snaps: &Snaps, plan: &ClusterPlan) -> Self {
        let before = plan.scenario.conditions.iter().filter(|condition| condition.when == When::BeforeCluster);
        Self {
            distros: plan.machines.iter().map(|distro| distro.id.clone()).collect(),
            // The whole of it: on which machines, and the lines.
            conditions: before.map(|condition| format!("{condition:?}")).collect(),
            microk8s: snaps.source(plan).to_string(),
            addons: plan.scenario.microk8s.addons.iter().map(Addon::argument).collect(),
        }
    }
}

impl Whole {
    /// Asks the provider whether it can make machines; nothing is made yet.
    pub(super) async fn start(recipe: WholeRecipe, owner: Owner) -> Result<Self, MakerError> {
        let mut hosts = recipe.provider.connect();
        let mut facts = HostsFacts::default();
        for host in &hosts {
            facts.notices.extend(host.provider.check().await?);
            facts.versions.push(host.provider.versions().await?);
        }
        for notice in &facts.notices {
            tracing::warn!("{notice}");
        }
        let stock = match owner {
            Owner::Run => {
                let about = About::new(recipe.provider.kind().as_str()).details(json!({ "of": "run" }));
                let ledger = Ledger::open()?;
                let (distros, farewell, endings) = (Mutex::default(), Mutex::default(), Mutex::default());
                let pool = recipe.provider.pool()?;
                let log = recipe.log.as_deref().map(log::open).transpose()?;
                let tools = Arc::new(Tools { hosts, pool, log, ledger, about, distros, farewell, endings });
                Stock::Groups { tools, groups: Mutex::default() }
            }
            Owner::Lab(entry, plan) => {
                // All of a lab that stays up shares one network.
                let host = hosts.swap_remove(0);
                Stock::Residents(Box::new(Residents::new(host, entry, &recipe, &plan)))
            }
        };
        Ok(Self { recipe, stock, facts })
    }

    /// What somebody should know who waits for machines, one line each.
    pub(super) fn notices(&self) -> &[String] {
        &self.facts.notices
    }

    /// The version of a program that makes the machines; several where the hosts differ.
    pub(super) fn version(&self, program: &str) -> Option<String> {
        let mut known: Vec<&str> = Vec::new();
        for version in self.facts.versions.iter().filter_map(|host| host.get(program)) {
            if !known.contains(&version.as_str()) {
                known.push(version);
            }
        }
        (!known.is_empty()).then(|| known.join(" and "))
    }

    pub(super) const fn kind(&self) -> ProviderKind {
        self.recipe.provider.kind()
    }

    /// Clusters of one group take turns; groups do not wait for each other.
    pub(super) fn queues(&self, plan: &Plan) -> Vec<Vec<usize>> {
        if let Stock::Residents(_) = self.stock {
            return (0..plan.clusters.len()).map(|index| vec![index]).collect();
        }
        let mut queues: Vec<(Key, Vec<usize>)> = Vec::new();
        for (index, cluster) in plan.clusters.iter().enumerate() {
            let key = Key::of(&self.recipe.snaps, cluster);
            match queues.iter_mut().find(|(known, _)| *known == key) {
                Some((_, queue)) => queue.push(index),
                None => queues.push((key, vec![index])),
            }
        }
        queues.into_iter().map(|(_, queue)| queue).collect()
    }

    /// Machines of a cluster, clean, with MicroK8s installed.
    pub(super) async fn make(
        &self,
        plan: &ClusterPlan,
        tell: &(impl Fn(Phase) + Sync),
    ) -> Result<Installed, LifeError> {
        let recipe = &self.recipe;
        let clean = match &self.stock {
            Stock::Groups { tools, groups } => {
                let group = {
                    let mut groups = groups.lock().unwrap_or_else(PoisonError::into_inner);
                    let key = Key::of(&recipe.snaps, plan);
                    let new = || {
                        let wanted = recipe.wanted(plan, "");
                        let keeping = Keeping::of(recipe, plan, &wanted);
                        Arc::new(Group::new(wanted, keeping))
                    };
                    Arc::clone(groups.entry(key.clone()).or_insert_with(new))
                };
                let names = recipe.wanted(plan, "").into_iter().map(|wanted| wanted.name);
                tools.distros().extend(names.zip(plan.machines.iter().map(|distro| distro.id.clone())));
                group.clean(tools, tell, &Preparation { recipe, plan, tell }).await?
            }
            Stock::Residents(residents) => {
                let (machines, from_outside, not_outside) = residents.of(plan, tell).await?;
                let hosts = Preparation { recipe, plan, tell }.prepare(&machines).await?;
                Clean { machines, hosts, from_outside, not_outside, restarted: false }
            }
        };
        let cluster = Box::new(cluster(recipe, plan, &clean.machines, clean.from_outside.agent));
        if clean.restarted {
            firewalls_are_back(&*cluster, plan, &clean.hosts.lasting_firewalls).await?;
            conditions(&*cluster, plan, When::BeforeCluster, HostKind::Whole).await?;
        }
        let mut hosts = clean.hosts;
        hosts.processor = clean.machines.first().and_then(|machine| machine.processor()).map(str::to_owned);
        hosts.absent = clean.not_outside.map(|reason| (Vantage::Outside, reason)).into_iter().collect();
        hosts.out_of_reach = clean.from_outside.out_of_reach;
        Ok(Installed { cluster, machines: clean.machines, hosts })
    }

    /// Ends the machines of a group whose last cluster has ended.
    pub(super) async fn release(&self, plan: &ClusterPlan) {
        let Stock::Groups { tools, groups } = &self.stock else { return };
        let group = groups.lock().unwrap_or_else(PoisonError::into_inner).remove(&Key::of(&self.recipe.snaps, plan));
        if let Some(group) = group {
            let its = Arc::clone(tools);
            // Nobody else knows the group any more: it is not to be cut off half-way.
            tools.to_its_end(async move { group.end(&its).await }).await;
        }
    }

    /// Ends all machines that are the run's own; those of a lab go with its ledger.
    pub(super) async fn end(self) -> Farewell {
        let Stock::Groups { tools, groups } = self.stock else { return Farewell::default() };
        let groups = groups.into_inner().unwrap_or_else(PoisonError::into_inner);
        futures_util::future::join_all(groups.values().map(|group| group.end(&tools))).await;
        tools.all_ended().await;
        std::mem::take(&mut *tools.farewell())
    }
}
