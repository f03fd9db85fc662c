//! Hosts that exist, with the MicroK8s that is there or is installed for the run: looked at, used in turns, and left as
//! they were found.
//!
//! There is no checkpoint to return to. What the run itself adds it takes away; what conditions and a remedy do to a host
//! stays, so that they need a consent of their own, and a remedy comes last, alone.

mod fit;
mod held;
mod intended;
mod outside;
mod recipe;
mod survey;

use std::{collections::BTreeMap, net::IpAddr, process, sync::Arc};

use serde_json::json;
use tokio::sync::OnceCell;

use self::{
    fit::unfit,
    held::{Held, Lasts},
    outside::Outside,
};
pub use self::{
    intended::{Intended, IntendedHost},
    recipe::{Consent, ExistingRecipe},
    survey::{Survey, SurveyError, Surveyed, survey},
};
use super::{
    hosts,
    maker::{Farewell, Installed, MakerError},
    observation::{HostFacts, LifeError, OutOfReach},
    progress::Phase,
};
use crate::{
    catalog::scenario::When,
    cluster::{
        microk8s::{Limits, Member, MicroK8s, MicroK8sOptions, Source},
        workload::AgentSocket,
    },
    diagnose::TRACE_TABLE,
    ledger::{About, Ledger, LedgerError},
    model::{ProviderKind, Target, Vantage},
    plan::{ClusterPlan, Plan},
    policy::HostKind,
    provider::{Machine, WholeMachine as _, existing::ExistingHost},
};

/// Why nothing is looked at from outside.
const NO_OUTSIDE: &str =
    "paths from outside: no host outside of the clusters is named (`--outside [USER@]HOST[:PORT]`)";

/// Takes away what a trace that was cut off has left.
const NO_TRACE: &str = r#"nft delete table inet "$1" 2>/dev/null; rm -f "/run/$1".*"#;

/// Hosts that exist, and what a run added to them.
pub struct Existing {
    recipe: ExistingRecipe,
    survey: Survey,
    held: Arc<Held>,
    outside: OnceCell<Outside>,
}

impl Existing {
    /// Looks at the hosts, and enters the run into the ledger. Nothing is changed yet.
    pub(super) async fn start(recipe: ExistingRecipe) -> Result<Self, MakerError> {
        let survey = survey(&recipe).await?;
        let ledger = Ledger::open()?;
        let about = About::new(ProviderKind::Ssh.as_str()).details(json!({ "of": "run" }));
        let mut number = 1_u32;
        let entry = loop {
            let name = format!("run-{}-{number}", process::id());
            let name = name.parse().expect("letters, digits and hyphens");
            match ledger.create(&name, about.clone()) {
                Err(LedgerError::Taken { .. }) => number += 1,
                created => break created?,
            }
        };
        let hosts = survey.hosts.iter().map(|one| &one.host).chain(&survey.outside).cloned();
        let held = Arc::new(Held::new(entry, hosts));
        Ok(Self { recipe, survey, held, outside: OnceCell::new() })
    }

    /// Why a cluster of the plan is not made; none when it is.
    pub(super) fn unfit(&self, plan: &ClusterPlan) -> Option<String> {
        unfit(plan, &self.survey, &self.recipe)
    }

    /// Clusters on the same hosts take turns, those with a remedy after all others: it stays.
    pub(super) fn queues(plan: &Plan) -> Vec<Vec<usize>> {
        let mut queues: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, cluster) in plan.clusters.iter().enumerate() {
            queues.entry(&cluster.distro.id).or_default().push(index);
        }
        let mut queues: Vec<Vec<usize>> = queues.into_values().collect();
        for queue in &mut queues {
            queue.sort_by_key(|index| plan.clusters[*index].remedy.is_some());
        }
        queues
    }

    /// The cluster of a part of the plan, on hosts where nothing of an earlier one is left.
    pub(super) async fn make(
        &self,
        plan: &ClusterPlan,
        tell: &(impl Fn(Phase) + Sync),
    ) -> Result<Installed, LifeError> {
        tell(Phase::Hosts);
        let surveyed: Vec<&Surveyed> = self.survey.of(&plan.distro.id).collect();
        let hosts: Vec<&Arc<ExistingHost>> = surveyed.iter().map(|one| &one.host).collect();
        let names: Vec<&str> = hosts.iter().map(|host| host.name()).collect();
        let left = self.held.take_away(&names, Lasts::Life).await;
        if !left.is_empty() {
            return Err(LifeError::Hopeless(left.join("\n").into()));
        }
        for host in &hosts {
            self.claim(host).await?;
        }
        let outside = self.outside(&hosts).await?;
        let agent = outside.map(Outside::agent);
        let cluster = self.cluster(plan, &surveyed, agent);
        hosts::conditions(&cluster, plan, When::BeforeCluster, HostKind::Whole).await?;
        let facts = self.facts(&surveyed, outside).await?;
        // None is this run's own: none is restarted.
        Ok(Installed { cluster: Box::new(cluster), machines: Vec::new(), hosts: facts })
    }

    async fn claim(&self, host: &ExistingHost) -> Result<(), LifeError> {
        let hopeless = |error: &dyn std::error::Error| LifeError::Hopeless(error.to_string().into());
        self.held.claim(host).await.map_err(|error| hopeless(&error))?;
        let removal = ["sh", "-c", NO_TRACE, "sh", TRACE_TABLE].map(str::to_owned).to_vec();
        let what = format!("table inet {TRACE_TABLE} of nftables");
        Ok(self.held.add(host.name(), what, removal, Lasts::Turns)?)
    }

    fn cluster(&self, plan: &ClusterPlan, surveyed: &[&Surveyed], outside: Option<AgentSocket>) -> MicroK8s {
        let members = surveyed.iter().map(|one| Member {
            machine: Arc::clone(&one.host) as Arc<dyn Machine>,
            ip: one.host.address(),
            distro: Arc::clone(&one.distro),
        });
        let present = surveyed.first().is_some_and(|one| one.found.is_some());
        let options = MicroK8sOptions {
            source: if present { Source::Present } else { self.recipe.snaps.source(plan) },
            addons: if self.recipe.consent.install { self.recipe.addons.clone() } else { Vec::new() },
            epel: self.recipe.epel.clone(),
            limits: Limits::default(),
            outside,
        };
        let held = Arc::clone(&self.held);
        MicroK8s::new(members.collect(), Arc::clone(&plan.scenario), options).noted(held)
    }

    async fn outside(&self, towards: &[&Arc<ExistingHost>]) -> Result<Option<&Outside>, LifeError> {
        let (Some(host), Some(_)) = (&self.survey.outside, towards.first()) else { return Ok(None) };
        self.claim(host).await?;
        self.outside.get_or_try_init(|| Outside::start(host, &self.held)).await.map(Some)
    }

    async fn facts(&self, surveyed: &[&Surveyed], outside: Option<&Outside>) -> Result<HostFacts, LifeError> {
        let lines = |of: fn(&Surveyed) -> &[String]| -> Vec<String> {
            let one = |one: &&Surveyed| -> Vec<String> {
                of(one).iter().map(|line| format!("{}: {line}", one.host.name())).collect()
            };
            surveyed.iter().flat_map(one).collect()
        };
        let mut facts = self.without_addons(surveyed);
        match outside {
            None => drop(facts.absent.insert(Vantage::Outside, NO_OUTSIDE.to_owned())),
            Some(outside) => {
                let nodes: Vec<IpAddr> = surveyed.iter().map(|one| one.host.address()).collect();
                facts.out_of_reach.extend(outside.without_route(&nodes).await?);
            }
        }
        let snap = surveyed.first().and_then(|one| one.found.as_ref()).map(|found| found.snap.revision.clone());
        Ok(HostFacts { verified: lines(|one| &one.holds), drift: lines(|one| &one.drift), snap, ..facts })
    }

    /// What cannot be looked at where addons are not enabled, and may not be.
    fn without_addons(&self, surveyed: &[&Surveyed]) -> HostFacts {
        let mut facts = HostFacts::default();
        let Some(first) = surveyed.first().filter(|_| !self.recipe.consent.install) else { return facts };
        for addon in intended::missing(first, &self.recipe) {
            let reason = format!("MicroK8s's addon {addon} is not enabled on {}", first.host.name());
            let targets: &[Target] = match addon {
                "ingress" => &[Target::Ingress],
                "dns" => &[Target::Dns, Target::ServiceDns],
                _ => &[],
            };
            facts.out_of_reach.extend(targets.iter().map(|to| OutOfReach {
                from: None,
                to: *to,
                reason: reason.clone(),
            }));
            if addon == "ingress" {
                facts.absent.insert(Vantage::Ingress, reason);
            }
        }
        facts
    }

    /// Takes away what was added to the hosts of a distro, once its last cluster has ended.
    pub(super) async fn release(&self, plan: &ClusterPlan) {
        let names: Vec<&str> = self.survey.of(&plan.distro.id).map(|one| one.host.name()).collect();
        for line in self.held.take_away(&names, Lasts::Turns).await {
            // It is tried once more at the end, and told then.
            tracing::debug!("not taken away yet: {line}");
        }
    }

    /// Takes away all that is left.
    pub(super) async fn end(self) -> Farewell {
        if let Some(outside) = self.outside.into_inner() {
            outside.end().await;
        }
        let fault = match Arc::into_inner(self.held) {
            Some(held) => held.end().await,
            None => Some("something still uses the hosts; `lab gc` takes away what was added there".to_owned()),
        };
        if let Some(fault) = &fault {
            tracing::warn!("{fault}");
        }
        Farewell { faults: fault.into_iter().collect(), ..Farewell::default() }
    }
}
