//! One traced batch: all machines listen, the probes are repeated, counters are read before and after.

use std::{future::Future, sync::Arc};

use futures_util::future::join_all;
use lab_agent::protocol::ProbeResult;

use super::{
    leg::Leg,
    listener::{Heard, Listener},
    mark::table,
    reprobe::{Again, Reprobe},
};
use crate::{
    diagnose::{
        state::{Counters, LegacyCounters},
        trace::Transcript,
    },
    provider::{Machine, MachineError},
};

/// What one machine saw during a batch.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The trace.
    pub transcript: Transcript,
    /// Why the trace has holes or is missing.
    pub gap: Option<TraceGap>,
    /// Counters that moved, and by how much.
    pub moved: Counters,
    /// Legacy iptables rules that matched, and how often.
    pub legacy: LegacyCounters,
}

/// Why a trace has holes or is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceGap {
    /// nft could not be used, for this reason.
    Unavailable(String),
    /// Messages were lost.
    Lost,
}

/// Repeats these probes while every machine listens. Returns one recording per machine and one result per probe.
pub async fn record(
    machines: &[Arc<dyn Machine>],
    legs: &[Leg],
    probes: &[Again],
    reprobe: &dyn Reprobe,
) -> Result<(Vec<Recording>, Vec<ProbeResult>), MachineError> {
    let text = table(legs);
    let listeners = on_all(machines, |_, machine| Listener::start(machine, &text)).await;
    let before = on_all(machines, |_, machine| counters(machine)).await;
    let results = reprobe.reprobe(probes).await;
    let after = on_all(machines, |_, machine| counters(machine)).await;
    let heard = stop_all(listeners).await;
    let mut recordings = Vec::with_capacity(machines.len());
    for ((before, after), heard) in before.into_iter().zip(after).zip(heard) {
        let ((counters, legacy), (counters_after, legacy_after)) = (before?, after?);
        let (transcript, gap) = match heard {
            Ok(heard) => (heard.transcript, heard.lost.then_some(TraceGap::Lost)),
            Err(error @ MachineError::Lost { .. }) => return Err(error),
            Err(error) => (Transcript::default(), Some(TraceGap::Unavailable(error.to_string()))),
        };
        recordings.push(Recording {
            transcript,
            gap,
            moved: counters_after.since(&counters),
            legacy: legacy_after.since(&legacy),
        });
    }
    Ok((recordings, results))
}

async fn counters(machine: Arc<dyn Machine>) -> Result<(Counters, LegacyCounters), MachineError> {
    Ok((Counters::read(&*machine).await?, LegacyCounters::read(&*machine).await?))
}

/// Every listener is stopped, whatever becomes of the others.
async fn stop_all(listeners: Vec<Result<Listener, MachineError>>) -> Vec<Result<Heard, MachineError>> {
    let stop = |listener: Result<Listener, MachineError>| async { listener?.stop().await };
    join_all(listeners.into_iter().map(stop)).await
}

/// Does the same on all machines (index, machine) at the same time; results in the order of the machines.
pub async fn on_all<T, F, R>(machines: &[Arc<dyn Machine>], act: F) -> Vec<T>
where
    F: Fn(usize, Arc<dyn Machine>) -> R,
    R: Future<Output = T>,
{
    join_all(machines.iter().enumerate().map(|(index, machine)| act(index, Arc::clone(machine)))).await
}
