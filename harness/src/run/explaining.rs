//! Explaining: hands observed cases to the diagnosis, and makes its probes again.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use futures_util::future::join_all;
use lab_agent::protocol::{Probe, ProbeResult};

use super::{contexts, observation::CaseObservation};
use crate::{
    cluster::workload::Workload,
    diagnose::{self, Again, Explanation, Reprobe},
    model::{Outcome, Vantage},
    plan::ClusterPlan,
    probe::{aim, run_batch},
    provider::{Machine, MachineError},
};

/// Why the chosen cases (by index) ended as they did.
pub(super) async fn explain(
    machines: &[Arc<dyn Machine>],
    plan: &ClusterPlan,
    workload: &Workload,
    seen: &[CaseObservation],
    chosen: &[usize],
) -> Result<Vec<Explanation>, MachineError> {
    let known = chosen.iter().filter_map(|index| Some((*index, contexts::of(plan, workload, seen, *index)?)));
    let (cases, contexts): (Vec<usize>, Vec<_>) = known.unzip();
    diagnose::explain(machines, &contexts, &Prober { plan, workload, cases }).await
}

/// Makes the probes of cases again.
struct Prober<'a> {
    plan: &'a ClusterPlan,
    workload: &'a Workload,
    /// Index of each context's case.
    cases: Vec<usize>,
}

#[async_trait]
impl Reprobe for Prober<'_> {
    async fn reprobe(&self, probes: &[Again]) -> Vec<ProbeResult> {
        let mut batches: BTreeMap<Vantage, Vec<Probe>> = BTreeMap::new();
        for (id, again) in (0..).zip(probes) {
            let spec = &self.plan.cases[self.cases[again.case]].spec;
            let limit = u64::try_from(again.limit.as_millis()).unwrap_or(u64::MAX);
            if let Ok(probe) = aim(spec, &self.workload.addresses, id, limit) {
                let probe = Probe { source_port: Some(again.source_port), repeat: 1, ..probe };
                batches.entry(spec.path.from).or_default().push(probe);
            }
        }
        let batches =
            batches.into_iter().filter_map(|(vantage, probes)| Some((self.workload.agents.get(&vantage)?, probes)));
        let ended = join_all(batches.map(|(agent, probes)| run_batch(agent, probes))).await;
        let results: Vec<ProbeResult> = ended.into_iter().flatten().flatten().collect();
        (0..).zip(probes).map(|(id, _)| result(&results, id)).collect()
    }
}

/// The result of a probe; one that could not be made says so.
fn result(results: &[ProbeResult], id: u32) -> ProbeResult {
    results.iter().find(|result| result.id == id).cloned().unwrap_or_else(|| ProbeResult {
        id,
        outcome: Outcome::Error,
        detail: "the probe could not be made again".to_owned(),
        duration_us: 0,
        source_ip: None,
        local_addr: None,
        peer_addr: None,
        backend: None,
        backends: BTreeMap::new(),
    })
}
