//! The machines of a lab that stays up: every cluster has its own, and all are made at the same time.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use tokio::sync::OnceCell;

use super::{
    log,
    outside::{FromOutside, Outside},
    recipe::WholeRecipe,
    tools::MachineHost,
};
use crate::{
    ledger::Entry,
    plan::{ClusterPlan, Plan},
    provider::{Machines, Wanted, WholeMachine, command_log::CommandLog},
    run::{observation::LifeError, progress::Phase},
};

/// The machines of a lab.
pub(super) struct Residents {
    host: MachineHost,
    entry: Arc<Entry>,
    wanted: Vec<Wanted>,
    /// Which of them are a cluster's, by its id.
    whose: BTreeMap<String, Range<usize>>,
    made: OnceCell<Made>,
}

struct Made {
    machines: Box<dyn Machines>,
    outside: Option<Outside>,
}

impl Residents {
    pub(super) fn new(host: MachineHost, entry: Arc<Entry>, recipe: &WholeRecipe, plan: &Plan) -> Self {
        let (mut wanted, mut whose) = (Vec::new(), BTreeMap::new());
        let kind = recipe.provider.kind();
        let carried = plan.clusters.iter().filter(|cluster| cluster.not_carried(kind).is_none());
        for (number, cluster) in (1..).zip(carried) {
            let prefix = if plan.clusters.len() == 1 { String::new() } else { format!("c{number}-") };
            let first = wanted.len();
            wanted.extend(recipe.wanted(cluster, &prefix));
            whose.insert(cluster.id(), first..wanted.len());
        }
        Self { host, entry, wanted, whose, made: OnceCell::new() }
    }

    /// The machines of a cluster, with the agent outside or why there is none; the first that asks has all of them made.
    pub(super) async fn of(
        &self,
        plan: &ClusterPlan,
        tell: &(impl Fn(Phase) + Sync),
    ) -> Result<(Vec<Arc<dyn WholeMachine>>, FromOutside, Option<String>), LifeError> {
        tell(Phase::Hosts);
        let made = self.made.get_or_try_init(|| self.make()).await?;
        let own = self.whose.get(&plan.id()).cloned().unwrap_or_default();
        let machines = made.machines.all().get(own).unwrap_or_default().to_vec();
        let from_outside = made.outside.as_ref().map(Outside::seen).unwrap_or_default();
        Ok((machines, from_outside, self.host.not_outside.clone()))
    }

    async fn make(&self) -> Result<Made, LifeError> {
        let log = log::open(&self.entry.folder().join(CommandLog::FILE))?;
        let machines = self.host.provider.create(Arc::clone(&self.entry), &self.wanted).await?;
        let machines = log::logged(machines, Some(&log));
        let outside = match &self.host.not_outside {
            None => Outside::start(self.entry.folder(), &*machines).await?,
            Some(_) => None,
        };
        Ok(Made { machines, outside })
    }
}
