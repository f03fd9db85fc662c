//! Probing all cases of a cluster at once, one batch per vantage.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use lab_agent::protocol::{Probe, ProbeResult};

use super::{
    exposure,
    observation::{CaseObservation, Moment, Try},
};
use crate::{
    cluster::workload::Workload,
    model::Vantage,
    plan::Case,
    probe::{aim, run_batch},
};

/// Probes the chosen cases (by index) and records a try for each. Returns the node ports that answer from
/// outside when `exposure` is asked for.
pub async fn probe_cases(
    workload: &Workload,
    cases: &[Case],
    chosen: &[usize],
    moment: Moment,
    timeout_ms: u64,
    with_exposure: bool,
    seen: &mut [CaseObservation],
) -> BTreeSet<u16> {
    let mut batches: BTreeMap<Vantage, Vec<Probe>> = BTreeMap::new();
    for &index in chosen {
        let id = u32::try_from(index).unwrap_or(u32::MAX);
        match aim(&cases[index].spec, &workload.addresses, id, timeout_ms) {
            Ok(probe) => batches.entry(cases[index].spec.path.from).or_default().push(probe),
            Err(error) => seen[index].error = Some(error.to_string()),
        }
    }
    let first = u32::try_from(cases.len()).unwrap_or(u32::MAX);
    let exposed = if with_exposure { exposure::probes(&workload.addresses, first, timeout_ms) } else { Vec::new() };
    batches.entry(Vantage::Outside).or_default().extend(exposed.iter().cloned());
    let ended = join_all(batches.into_iter().map(|(vantage, probes)| batch(workload, vantage, probes))).await;
    let mut all = Vec::new();
    for (ids, outcome) in ended {
        match outcome {
            Ok(results) => all.extend(results),
            Err(reason) => {
                for index in ids.into_iter().map(|id| id as usize).filter(|index| *index < cases.len()) {
                    seen[index].error = Some(reason.clone());
                }
            }
        }
    }
    for result in all.iter().filter(|result| result.id < first) {
        let case = &mut seen[result.id as usize];
        case.error = None;
        case.tries.push(Try { moment, result: result.clone() });
    }
    exposure::open_ports(&exposed, &all)
}

async fn batch(
    workload: &Workload,
    vantage: Vantage,
    probes: Vec<Probe>,
) -> (Vec<u32>, Result<Vec<ProbeResult>, String>) {
    let ids = probes.iter().map(|probe| probe.id).collect();
    let Some(agent) = workload.agents.get(&vantage) else {
        return (ids, Err(format!("this cluster has no vantage {vantage}")));
    };
    (ids, run_batch(agent, probes).await.map_err(|error| error.to_string()))
}
