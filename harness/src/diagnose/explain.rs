//! From failing cases to causes: traces them in batches and derives each cause from what was seen.

use std::{
    collections::{VecDeque, hash_map::RandomState},
    hash::{BuildHasher as _, Hasher as _},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use lab_agent::protocol::ProbeResult;

use super::{
    cause::{CaseEvidence, Derived, MachineEvidence, Place, derive, reverse_queries, route_queries},
    context::CaseContext,
    session::{Again, Leg, Recording, Reprobe, legs, on_all, record, size},
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
    /// Where the packet ended, in a cluster of several machines.
    pub place: Option<Place>,
}

/// Cases that are traced at the same time: a trace's buffer holds the messages of a few only.
const MOST_CASES: usize = 6;
/// Rules of one table: the kernel takes some 600 at once from a process without rights on the host, fewer of IPv6's long ones.
const MOST_RULES: usize = 300;
/// How often a case that passes is tried at most, until it fails.
const MOST_TRIES: usize = 40;
/// How often for each of several pods, where chance chooses one of them: one that does not answer is missed once in
/// fifty times.
const TRIES_PER_POD: usize = 4;
/// Ports from here on are outside of the kernel's default range for outgoing connections (32768 to 60999).
const FIRST_PORT: u16 = 61_001;
/// How many ports are used in turn.
const PORTS: u16 = 4_000;
/// How often a case whose cause stays unknown is tried alone. The answers to earlier probes that never arrive are sent again
/// for a while, and may use up the share of the packets that are marked.
const ALONE: usize = 3;
/// Time limit of a repeated probe: a packet that vanishes has done so long before.
const SHORT: Duration = Duration::from_millis(600);
/// The same where data has to flow until it stalls, or a resolver has to ask.
const LONG: Duration = Duration::from_secs(1);

/// Counts from anywhere: where another process has just looked, the machines may remember its connections.
static NEXT_PORT: LazyLock<AtomicU16> = LazyLock::new(|| {
    let anything = RandomState::new().build_hasher().finish();
    AtomicU16::new((anything % u64::from(PORTS)).try_into().unwrap_or_default())
});

/// Explains failing cases of one cluster. `machines` are in the order that the contexts' indices refer to. The
/// explanations are in the order of the cases. Does nothing at all when there are none.
///
/// What stayed unknown is tried again with fewer cases at a time, in the end alone, since one may be in another's way; and
/// alone again, since what earlier probes left behind may be in its way. A case of many exchanges, or of one with any of
/// several pods, that passes is tried again until it fails.
///
/// # Errors
/// When a machine is lost or its counters cannot be read. A machine without nft is no error: causes then rest on
/// counters and routes.
pub async fn explain(
    machines: &[Arc<dyn Machine>],
    cases: &[CaseContext],
    reprobe: &dyn Reprobe,
) -> Result<Vec<Explanation>, MachineError> {
    let mut found: Vec<Option<Explanation>> = vec![None; cases.len()];
    let mut tries = vec![0; cases.len()];
    let mut waiting: VecDeque<Batch> = batches(cases).into();
    while let Some(batch) = waiting.pop_front() {
        let (mut unknown, mut passed) = (Vec::new(), Vec::new());
        let traced = trace(machines, cases, &batch.cases, reprobe).await?;
        let together = batch.cases.len() > 1 || traced.machines.iter().any(|machine| machine.gap.is_some());
        // An answer, whatever it is, says more than another one would.
        let silence = [Outcome::Timeout, Outcome::Stalled];
        let is_silent = |place: usize| traced.results.get(place).is_none_or(|result| silence.contains(&result.outcome));
        for (place, (case, explanation)) in batch.cases.iter().zip(traced.explanations(cases, &batch.cases)).enumerate()
        {
            tries[*case] += 1;
            let more = tries[*case] < most_tries(&cases[*case]);
            if more && traced.results.get(place).is_some_and(|again| again.outcome == Outcome::Ok) {
                passed.push(*case);
            } else if explanation.cause.kind == CauseKind::Unknown && (together || is_silent(place)) {
                unknown.push(*case);
            }
            found[*case] = Some(explanation);
        }
        waiting.extend(batch.smaller(&unknown));
        if !passed.is_empty() {
            waiting.push_back(Batch { cases: passed, alone: batch.alone });
        }
    }
    Ok(found.into_iter().flatten().collect())
}

/// How often a case that passes is tried.
fn most_tries(context: &CaseContext) -> usize {
    let servers = context.dns.as_ref().map_or(0, |server| server.backends.len());
    let by_chance = match context.backends.len().max(servers) {
        0 | 1 => 1,
        pods => pods * TRIES_PER_POD,
    };
    by_chance.max(context.repeat.try_into().unwrap_or(MOST_TRIES)).min(MOST_TRIES)
}

/// Cases that are traced at the same time, by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Batch {
    cases: Vec<usize>,
    /// How often its only case has been tried alone.
    alone: usize,
}

impl Batch {
    /// What is left of it, half as many at a time; a case that is alone gets [`ALONE`] tries.
    fn smaller(&self, left: &[usize]) -> Vec<Self> {
        let alone = if self.cases.len() == 1 { self.alone + 1 } else { 0 };
        if alone >= ALONE {
            return Vec::new();
        }
        let size = self.cases.len().div_ceil(2);
        left.chunks(size).map(|cases| Self { cases: cases.to_vec(), alone }).collect()
    }
}

/// The cases in their order, as many at a time as a trace and the table for it can hold.
fn batches(cases: &[CaseContext]) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut legs_of_last: Vec<Leg> = Vec::new();
    for (case, context) in cases.iter().enumerate() {
        let own = legs(case, context, FIRST_PORT);
        let together = [legs_of_last.as_slice(), &own].concat();
        let last = batches.last_mut().filter(|batch| batch.cases.len() < MOST_CASES && size(&together) <= MOST_RULES);
        if let Some(batch) = last {
            batch.cases.push(case);
            legs_of_last = together;
        } else {
            batches.push(Batch { cases: vec![case], alone: 0 });
            legs_of_last = own;
        }
    }
    batches
}

/// A batch with all that was seen of it.
struct Traced {
    legs: Vec<Leg>,
    results: Vec<ProbeResult>,
    machines: Vec<MachineEvidence>,
}

impl Traced {
    fn explanations(&self, cases: &[CaseContext], batch: &[usize]) -> Vec<Explanation> {
        batch
            .iter()
            .enumerate()
            .map(|(case, index)| {
                let (context, again) = (&cases[*index], self.results.get(case));
                let evidence = CaseEvidence { context, legs: &self.legs, case, machines: &self.machines, again };
                let Derived { cause, way, place } = derive(&evidence);
                Explanation { case: context.case.clone(), cause, way, place }
            })
            .collect()
    }
}

async fn trace(
    machines: &[Arc<dyn Machine>],
    cases: &[CaseContext],
    batch: &[usize],
    reprobe: &dyn Reprobe,
) -> Result<Traced, MachineError> {
    let (mut all_legs, mut probes) = (Vec::new(), Vec::new());
    for (in_batch, case) in batch.iter().enumerate() {
        let context = &cases[*case];
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
    let back = ask_routes(&*machine, &reverse_queries(&passages, &state)).await?;
    state.routes.extend(back);
    Ok(MachineEvidence {
        name: machine.name().to_owned(),
        passages,
        gap: recording.gap.clone(),
        moved: recording.moved.clone(),
        legacy: recording.legacy.clone(),
        state,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use super::{Batch, MOST_CASES, MOST_RULES, batches, legs, most_tries, size};
    use crate::{
        diagnose::context::{CaseContext, PodEndpoint, Source, Transport},
        model::Outcome,
    };

    /// Cases of a service with so many pods.
    fn cases(count: usize, pods: u8) -> Vec<CaseContext> {
        let pod = |last| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 0, last)), 8080);
        let one = CaseContext {
            case: "s::d::as-installed::pod-to-service".to_owned(),
            distros: vec!["rhel-9.5".to_owned()],
            path: "pod-to-service".parse().expect("a path"),
            transport: Transport::Tcp,
            outcome: Outcome::Timeout,
            repeat: 1,
            source: Source { machine: Some(0), pod: true, address: None },
            destination: "10.152.183.7:80".parse().expect("address"),
            backends: (0..pods).map(|last| PodEndpoint { address: pod(last), machine: 0 }).collect(),
            upstream: None,
            dns: None,
            service_path_ok: false,
            small_path_ok: None,
        };
        vec![one; count]
    }

    #[test]
    fn batches_are_as_large_as_the_table_for_them_may_be() {
        let sizes =
            |cases: &[CaseContext]| -> Vec<usize> { batches(cases).iter().map(|batch| batch.cases.len()).collect() };
        assert_eq!(sizes(&cases(13, 1)), [MOST_CASES, MOST_CASES, 1]);
        let many = cases(5, 20);
        let some = batches(&many);
        assert!(some.len() > 1, "{some:?}");
        for batch in some {
            let all: Vec<_> = batch.cases.iter().flat_map(|case| legs(*case, &many[*case], 1)).collect();
            assert!(size(&all) <= MOST_RULES, "{batch:?}");
        }
        // What is too large alone is tried alone.
        assert_eq!(sizes(&cases(2, 40)), [1, 1]);
    }

    #[test]
    fn what_chance_decides_is_tried_more_than_once() {
        let tries = |pods, repeat| most_tries(&CaseContext { repeat, ..cases(1, pods).remove(0) });
        assert_eq!((tries(1, 1), tries(1, 12), tries(3, 1), tries(2, 80)), (1, 12, 12, 40));
    }

    #[test]
    fn what_is_left_is_tried_with_half_as_many_at_a_time() {
        let batch = |cases: &[usize], alone| Batch { cases: cases.to_vec(), alone };
        let first = batch(&[0, 1, 2, 3, 4, 5], 0);
        assert_eq!(first.smaller(&[0, 2, 3, 5]), [batch(&[0, 2, 3], 0), batch(&[5], 0)]);
        assert_eq!(first.smaller(&[]), []);
        assert_eq!(batch(&[1, 2, 3], 0).smaller(&[1, 2, 3]), [batch(&[1, 2], 0), batch(&[3], 0)]);
        assert_eq!(batch(&[4], 0).smaller(&[4]), [batch(&[4], 1)]);
        assert_eq!(batch(&[4], 1).smaller(&[4]), [batch(&[4], 2)]);
        assert_eq!(batch(&[4], 2).smaller(&[4]), []);
    }
}
