//! The life of one cluster: hosts, policy, cluster, workload, probes, remedy, probes again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;

use super::{
    Explain, explaining, hosts,
    maker::{Installed, Made, Maker},
    observation::{Before, CaseObservation, LifeError, Moment, Observation},
    probing::probe_cases,
    progress::Phase,
};
use crate::{
    catalog::{
        distro::Distro,
        scenario::{Remedy, When},
    },
    cluster::Cluster,
    diagnose::evidence::{self, Evidence, Item},
    model::{Outcome, report::MachineReport},
    plan::ClusterPlan,
    policy::{self, HostKind},
    provider::{Machine, WholeMachine},
};

/// Time limit of a probe before the proxy's re-sync, at most.
const BEFORE_RESYNC_LIMIT: Duration = Duration::from_secs(1);

/// How long a machine may take to restart; many times as long where it is emulated.
const REBOOT_LIMIT: Duration = Duration::from_secs(20 * 60);

/// What all clusters of a run share.
pub struct Surroundings {
    /// What makes them.
    pub maker: Maker,
    /// How often a case that does not end as expected is tried again.
    pub retries: u32,
    /// Which cases are traced.
    pub explain: Explain,
    /// Whether evidence is collected from the machines, as installed.
    pub evidence: bool,
}

/// Lives one cluster from its hosts to its last probe. `tell` hears of each phase as it starts.
pub async fn live(
    plan: &ClusterPlan,
    name: &str,
    surroundings: &Surroundings,
    tell: impl Fn(Phase) + Sync,
) -> Result<Observation, LifeError> {
    let mut life = Life::begin(plan, name, &surroundings.maker, &tell).await?;
    life.observe(surroundings, &tell).await?;
    Ok(life.seen)
}

/// A cluster of the plan that lives. What was made for it ends with the maker, not with this value.
pub struct Life {
    plan: ClusterPlan,
    cluster: Box<dyn Cluster>,
    /// What its machines are.
    kind: HostKind,
    /// They, where they are whole ones of this run's own.
    whole: Vec<Arc<dyn WholeMachine>>,
    seen: Observation,
    started: Instant,
}

impl Life {
    /// Makes a cluster of the plan: hosts, policy, cluster, workload, and the remedy where it has one. `name` is
    /// unique among what the maker made; `tell` hears of each phase as it starts.
    pub async fn begin(
        plan: &ClusterPlan,
        name: &str,
        maker: &Maker,
        tell: &(impl Fn(Phase) + Sync),
    ) -> Result<Self, LifeError> {
        let started = Instant::now();
        let mut life = match maker.make(plan, name, tell).await? {
            Made::Resumed(cluster, before) => return Ok(Self::resumed(plan, cluster, before)),
            Made::Installed(Installed { cluster, machines, hosts }) => {
                let mut life = Self::of(plan, cluster, started);
                (life.kind, life.whole, life.seen.hosts) = (HostKind::Whole, machines, hosts);
                life
            }
            Made::Fresh(cluster) => {
                let mut life = Self::of(plan, cluster, started);
                tell(Phase::Policy);
                life.seen.hosts = hosts::apply_policy(&*life.cluster, plan, life.kind).await?;
                life.cluster.connect().await?;
                life.conditions(When::BeforeCluster).await?;
                life
            }
        };
        tell(Phase::Cluster);
        life.cluster.start().await?;
        life.conditions(When::AfterCluster).await?;
        tell(Phase::Deploy);
        life.cluster.deploy().await?;
        life.conditions(When::AfterDeploy).await?;
        life.cluster.settle().await?;
        life.let_proxy_notice().await?;
        if let Some(remedy) = &plan.remedy {
            tell(Phase::Remedy);
            life.apply_remedy(remedy).await?;
        }
        Ok(life)
    }

    /// Goes on with a cluster that is up already.
    #[must_use]
    pub fn resumed(plan: &ClusterPlan, cluster: Box<dyn Cluster>, before: Before) -> Self {
        let mut life = Self::of(plan, cluster, Instant::now());
        life.seen.hosts = before.hosts;
        for (case, seen) in plan.cases.iter().zip(&mut life.seen.cases) {
            if let Some(tries) = before.tries.get(&case.id) {
                seen.tries.clone_from(tries);
            }
        }
        life
    }

    /// What was seen of it so far, for [`Self::resumed`].
    #[must_use]
    pub fn before(&self) -> Before {
        let tries = self.plan.cases.iter().zip(&self.seen.cases);
        Before {
            hosts: self.seen.hosts.clone(),
            tries: tries.map(|(case, seen)| (case.id.clone(), seen.tries.clone())).collect(),
        }
    }

    /// Its part of the plan.
    #[must_use]
    pub const fn plan(&self) -> &ClusterPlan {
        &self.plan
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &dyn Cluster {
        &*self.cluster
    }

    /// Tries every case once, and does nothing else.
    pub async fn try_cases(mut self) -> Observation {
        let all = self.possible();
        self.look(&all, Moment::Probe, false).await;
        self.seen
    }

    fn of(plan: &ClusterPlan, cluster: Box<dyn Cluster>, started: Instant) -> Self {
        let seen = Observation {
            cases: vec![CaseObservation::default(); plan.cases.len()],
            node_ips: cluster.node_ips(),
            ..Observation::default()
        };
        Self { plan: plan.clone(), cluster, kind: HostKind::Namespace, whole: Vec::new(), seen, started }
    }

    /// Probes every case, looks for causes, and collects evidence.
    async fn observe(&mut self, surroundings: &Surroundings, tell: &(impl Fn(Phase) + Sync)) -> Result<(), LifeError> {
        tell(Phase::Probe);
        self.probe(surroundings.retries).await;
        let failing = self.to_explain(&surroundings.explain);
        if !failing.is_empty() {
            tell(Phase::Explain);
            self.explain(&failing).await;
        }
        if self.plan.remedy.is_some() {
            tell(Phase::Reload);
            self.probe_after_reload().await?;
            if !self.whole.is_empty() {
                tell(Phase::Reboot);
                self.probe_after_reboot().await?;
            }
        } else if surroundings.evidence {
            tell(Phase::Evidence);
            self.seen.evidence = self.evidence().await?;
        }
        self.seen.versions = self.versions().await?;
        self.seen.lifetime = self.started.elapsed();
        Ok(())
    }

    /// The machines with their distros, counted from 1.
    fn machines(&self) -> impl Iterator<Item = (u8, &dyn Machine, &Arc<Distro>)> {
        hosts::machines(&*self.cluster, &self.plan)
    }

    async fn conditions(&self, when: When) -> Result<(), LifeError> {
        hosts::conditions(&*self.cluster, &self.plan, when, self.kind).await
    }

    /// Whether everything is seen before the cluster's proxy has noticed what a condition did to its rules.
    #[must_use]
    pub fn proxy_is_late(&self) -> bool {
        self.plan.conditions().any(|condition| !condition.resync)
    }

    async fn let_proxy_notice(&self) -> Result<(), LifeError> {
        if !self.proxy_is_late() && !self.cluster.rules_intact().await? {
            self.cluster.resync().await?;
        }
        Ok(())
    }

    /// Applies a remedy on every machine that it is for, then lets the cluster's proxy notice, as it would.
    async fn apply_remedy(&mut self, remedy: &Remedy) -> Result<(), LifeError> {
        hosts::apply_remedy(&*self.cluster, &self.plan, remedy, self.kind).await?;
        self.cluster.settle().await?;
        if !self.proxy_is_late() && !self.cluster.rules_intact().await? {
            let all = self.possible();
            self.look(&all, Moment::BeforeResync, false).await;
            self.cluster.resync().await?;
        }
        Ok(())
    }

    /// The cases that this kind of lab can try; the others are marked with the reason.
    fn possible(&mut self) -> Vec<usize> {
        let Observation { cases, hosts, .. } = &mut self.seen;
        let possible = |index: &usize| {
            cases[*index].skipped = hosts.skipped(&self.plan.cases[*index].spec.path).map(str::to_owned);
            cases[*index].skipped.is_none()
        };
        (0..self.plan.cases.len()).filter(possible).collect()
    }

    async fn probe(&mut self, retries: u32) {
        let all = self.possible();
        self.seen.open_ports = self.look(&all, Moment::Probe, true).await;
        for _ in 0..retries {
            let again: Vec<usize> = all.iter().copied().filter(|index| !self.last_is_expected(*index)).collect();
            if !again.is_empty() {
                self.look(&again, Moment::Retry, false).await;
            }
        }
    }

    fn last_is_expected(&self, index: usize) -> bool {
        let expect = &self.plan.cases[index].spec.expect;
        self.seen.cases[index].outcome().is_some_and(|outcome| expect.allows(outcome))
    }

    /// The cases whose cause is to be found. What the lab itself could not do has none.
    fn to_explain(&self, explain: &Explain) -> Vec<usize> {
        let wanted = |index: &usize| {
            let outcome = self.seen.cases[*index].outcome();
            let case = &self.plan.cases[*index];
            outcome.is_some_and(|outcome| match explain {
                Explain::Failing => outcome != Outcome::Error && !case.spec.expect.allows(outcome),
                Explain::Only(id) => case.id == *id,
            })
        };
        (0..self.plan.cases.len()).filter(wanted).collect()
    }

    /// A cause that cannot be looked for takes nothing from what was observed.
    async fn explain(&mut self, chosen: &[usize]) {
        match explaining::explain(self.cluster.nodes(), &self.plan, self.cluster.workload(), &self.seen.cases, chosen)
            .await
        {
            Ok(explanations) => self.seen.explanations = explanations,
            Err(error) => tracing::warn!("{}: failed to look for causes: {error}", self.plan.id()),
        }
    }

    /// The same set from every machine, whether something fails on it or not: what differs is the point.
    async fn evidence(&self) -> Result<Vec<Evidence>, LifeError> {
        let machines: Vec<_> = self.machines().collect();
        let all = machines.into_iter().map(|(number, machine, distro)| async move {
            let mut items = evidence::standard();
            for log in self.cluster.logs(usize::from(number) - 1) {
                items.push(Item::log(&log.component, log.command));
            }
            evidence::collect(machine, &distro.id, &items).await
        });
        Ok(try_join_all(all).await?)
    }

    /// Reloads every firewall that runs; where none does, nothing can change.
    async fn probe_after_reload(&mut self) -> Result<(), LifeError> {
        let mut reloaded = false;
        for (_, machine, distro) in self.machines() {
            reloaded |= policy::reload(machine, &distro.policy, self.kind).await?;
        }
        if reloaded {
            if !self.cluster.rules_intact().await? {
                self.cluster.resync().await?;
            }
            let all = self.possible();
            self.look(&all, Moment::AfterReload, false).await;
        }
        Ok(())
    }

    /// Restarts every machine at the same time: what a remedy did not write down is lost. A firewall that ran before and
    /// was to come back must be there: without it everything passes, whatever the remedy is worth.
    async fn probe_after_reboot(&mut self) -> Result<(), LifeError> {
        let lasting = hosts::lasting_firewalls(&*self.cluster, &self.plan).await?;
        try_join_all(self.whole.iter().map(|machine| machine.reboot(REBOOT_LIMIT))).await?;
        self.cluster.restarted().await?;
        hosts::firewalls_are_back(&*self.cluster, &self.plan, &lasting).await?;
        let all = self.possible();
        self.look(&all, Moment::AfterReboot, false).await;
        Ok(())
    }

    async fn look(&mut self, chosen: &[usize], moment: Moment, with_exposure: bool) -> BTreeSet<u16> {
        let limit = match moment {
            // Informs only: what the re-sync will repair has no need of the last second of patience.
            Moment::BeforeResync => self.plan.scenario.probe_timeout.min(BEFORE_RESYNC_LIMIT),
            Moment::Probe | Moment::Retry | Moment::AfterReload | Moment::AfterReboot => {
                self.plan.scenario.probe_timeout
            }
        };
        let timeout_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let workload = self.cluster.workload();
        let (cases, seen) = (&self.plan.cases, &mut self.seen.cases);
        probe_cases(workload, cases, chosen, moment, timeout_ms, with_exposure, seen).await
    }

    /// On the first machine of each distro; image and snap are known of the first of all.
    async fn versions(&self) -> Result<BTreeMap<String, MachineReport>, LifeError> {
        let mut versions = BTreeMap::new();
        for (_, machine, distro) in self.machines() {
            if !versions.contains_key(&distro.id) {
                let found = super::versions::of_machine(machine).await?;
                let found = if versions.is_empty() { self.seen.hosts.on(found) } else { found };
                versions.insert(distro.id.clone(), found);
            }
        }
        Ok(versions)
    }
}
