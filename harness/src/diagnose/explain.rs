//! From failing cases to causes: traces them in batches and derives each cause from what was seen.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use lab_agent::protocol::ProbeResult;

use super::{
    cause::{CaseEvidence, MachineEvidence, derive, route_queries},
    context::CaseContext,
    session::{Again, Leg, Recording, Reprobe, TraceGap, legs, on_all, record},
    state::{MachineState, ask_routes},
    trace::passages,
};
use crate::{
    model::{
        Outcome, PacketWay, Payload,
        report::{Cause, CauseKind},
    },
    provider::{Machine, MachineError},
};

/// Why one case failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Case id.
    pub case: String,
    /// The cause.
    pub cause: Cause,
    /// The way of its packet.
    pub way: PacketWay,
}

/// Cases that are traced at the same time: a trace's buffer holds the messages of a few only.
const BATCH: usize = 6;
/// Ports from here on are outside of the kernel's default range for outgoing connections (32768 to 60999).
const FIRST_PORT: u16 = 61_001;
/// How many ports are used in turn.
const PORTS: u16 = 4_000;
/// Time limit of a repeated probe: a packet that vanishes has done so long before.
const SHORT: Duration = Duration::from_millis(600);
/// The same where data has to flow until it stalls, or a resolver has to ask.
const LONG: Duration = Duration::from_secs(1);

static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// Explains failing cases of one cluster. `machines` are in the order that the contexts' indices refer to. The
/// explanations are in the order of the cases. Does nothing at all when there are none.
///
/// # Errors
/// When a machine is lost or its counters cannot be read. A machine without nft is no error: causes then rest on
/// counters and routes.
pub async fn explain(
    machines: &[Arc<dyn Machine>],
    cases: &[CaseContext],
    reprobe: &dyn Reprobe,
) -> Result<Vec<Explanation>, MachineError> {
    let mut explanations = Vec::with_capacity(cases.len());
    let indexed: Vec<(usize, &CaseContext)> = cases.iter().enumerate().collect();
    for batch in indexed.chunks(BATCH) {
        explanations.extend(explain_batch(machines, batch, reprobe).await?);
    }
    Ok(explanations)
}

/// Explains a batch; where the trace had holes, what stayed unknown is tried once more, one case at a time.
async fn explain_batch(
    machines: &[Arc<dyn Machine>],
    batch: &[(usize, &CaseContext)],
    reprobe: &dyn Reprobe,
) -> Result<Vec<Explanation>, MachineError> {
    let traced = trace(machines, batch, reprobe).await?;
    let mut explanations = traced.explanations(batch);
    if traced.machines.iter().any(|machine| machine.gap == Some(TraceGap::Lost)) {
        for (explanation, case) in explanations.iter_mut().zip(batch) {
            if explanation.cause.kind == CauseKind::Unknown {
                let alone = std::slice::from_ref(case);
                let again = trace(machines, alone, reprobe).await?.explanations(alone);
                if let Some(better) = again.into_iter().next() {
                    *explanation = better;
                }
            }
        }
    }
    Ok(explanations)
}

/// A batch with all that was seen of it.
struct Traced {
    legs: Vec<Leg>,
    results: Vec<ProbeResult>,
    machines: Vec<MachineEvidence>,
}

impl Traced {
    fn explanations(&self, batch: &[(usize, &CaseContext)]) -> Vec<Explanation> {
        batch
            .iter()
            .enumerate()
            .map(|(case, (_, context))| {
                let again = self.results.get(case);
                let evidence = CaseEvidence { context, legs: &self.legs, case, machines: &self.machines, again };
                let (cause, way) = derive(&evidence);
                Explanation { case: context.case.clone(), cause, way }
            })
            .collect()
    }
}

async fn trace(
    machines: &[Arc<dyn Machine>],
    batch: &[(usize, &CaseContext)],
    reprobe: &dyn Reprobe,
) -> Result<Traced, MachineError> {
    let (mut all_legs, mut probes) = (Vec::new(), Vec::new());
    for (in_batch, (case, context)) in batch.iter().enumerate() {
        let source_port = FIRST_PORT + NEXT_PORT.fetch_add(1, Ordering::Relaxed) % PORTS;
        all_legs.extend(legs(in_batch, context, source_port));
        probes.push(Again { case: *case, source_port, limit: limit(context) });
    }
    let (recordings, results) = record(machines, &all_legs, &probes, reprobe).await?;
    let seen = on_all(machines, |index, machine| read(machine, &recordings[index], &all_legs)).await;
    let machines = seen.into_iter().collect::<Result<_, _>>()?;
    Ok(Traced { legs: all_legs, results, machines })
}

fn limit(context: &CaseContext) -> Duration {
    let patient = context.path.payload == Payload::Large
        || matches!(context.outcome, Outcome::DnsFailed | Outcome::Stalled | Outcome::Reset);
    if patient { LONG } else { SHORT }
}

/// Reads a machine's state and asks its routing code about what it saw.
async fn read(machine: Arc<dyn Machine>, recording: &Recording, legs: &[Leg]) -> Result<MachineEvidence, MachineError> {
    let passages = passages(&recording.transcript.steps);
    let mut state = MachineState::read(&*machine).await?;
    state.routes = ask_routes(&*machine, &route_queries(&passages, legs)).await?;
    Ok(MachineEvidence {
        name: machine.name().to_owned(),
        passages,
        gap: recording.gap.clone(),
        moved: recording.moved.clone(),
        legacy: recording.legacy.clone(),
        state,
    })
}
