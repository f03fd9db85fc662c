//! Talking to agents: one batch of probes over one out-of-band connection.

use std::{collections::HashSet, io, time::Duration};

use lab_agent::protocol::{Probe, ProbeResult, Reply, Request};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, split},
    time::{sleep, timeout},
};

use crate::{cluster::workload::AgentSocket, provider::MachineError};

/// How many probes one agent runs at the same time.
const CONCURRENCY: usize = 128;

/// What an agent may take beyond its probes' own time limits: a machine with more work than processors is slow, not broken.
const SLACK: Duration = Duration::from_secs(60);

/// Why a batch could not be run. Never the network's fault: the control channel is out of band.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The agent's socket could not be reached.
    #[error("failed to reach the agent: {0}")]
    Connect(#[from] MachineError),
    /// The connection broke.
    #[error("lost the connection to the agent on {machine}: {reason}")]
    Lost {
        /// Machine or pod.
        machine: String,
        /// What the transport said.
        reason: String,
    },
    /// Something else than the protocol came over it.
    #[error("the agent on {machine} answered with something else than results: {reason}")]
    Protocol {
        /// Machine or pod.
        machine: String,
        /// What came.
        reason: String,
    },
    /// The agent did not end the batch in time.
    #[error("the agent on {machine} did not end {probes} probes within {limit:?}")]
    TimedOut {
        /// Machine or pod.
        machine: String,
        /// How many probes were asked for.
        probes: usize,
        /// The limit.
        limit: Duration,
    },
}

/// How often a connection that broke is opened again.
const RECONNECTS: usize = 2;

/// Time between two connections.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs probes at an agent. The results come in the order in which the probes ended; every probe has one.
///
/// A connection that breaks is opened again, for the probes that have no result yet: the fault is the lab's own, and no
/// path that was tried is tried twice.
pub async fn run_batch(agent: &AgentSocket, mut probes: Vec<Probe>) -> Result<Vec<ProbeResult>, ProbeError> {
    let mut results = Vec::new();
    for reconnects in 0.. {
        if probes.is_empty() {
            break;
        }
        let known = results.len();
        let Err(error) = attempt(agent, &probes, &mut results).await else { break };
        if reconnects == RECONNECTS || !error.is_transport() {
            return Err(error);
        }
        tracing::warn!("{error}; asking again for what it did not answer");
        let answered: HashSet<u32> = results[known..].iter().map(|result| result.id).collect();
        probes.retain(|probe| !answered.contains(&probe.id));
        sleep(PAUSE).await;
    }
    Ok(results)
}

impl ProbeError {
    /// Whether the way to the agent failed, rather than the agent.
    const fn is_transport(&self) -> bool {
        match self {
            Self::Lost { .. } => true,
            Self::Connect(error) => error.is_transport(),
            Self::Protocol { .. } | Self::TimedOut { .. } => false,
        }
    }
}

/// Asks once. What was answered is in `results`, even if the connection breaks.
async fn attempt(agent: &AgentSocket, probes: &[Probe], results: &mut Vec<ProbeResult>) -> Result<(), ProbeError> {
    let machine = agent.machine.name().to_owned();
    let longest =
        probes.iter().map(|probe| probe.timeout_ms * u64::from(probe.repeat.max(1))).max().unwrap_or_default();
    let rounds = u32::try_from(probes.len().div_ceil(CONCURRENCY)).unwrap_or(u32::MAX);
    let limit = (Duration::from_millis(longest) * rounds).saturating_add(SLACK);
    let (count, known) = (probes.len(), results.len());
    timeout(limit, exchange(agent, probes, results)).await.map_err(|_| ProbeError::TimedOut {
        machine: machine.clone(),
        probes: count,
        limit,
    })??;
    match results.len() - known {
        all if all == count => Ok(()),
        some => Err(ProbeError::Protocol { machine, reason: format!("{some} results for {count} probes") }),
    }
}

async fn exchange(agent: &AgentSocket, probes: &[Probe], results: &mut Vec<ProbeResult>) -> Result<(), ProbeError> {
    let machine = || agent.machine.name().to_owned();
    let protocol = |reason: String| ProbeError::Protocol { machine: machine(), reason };
    let lost = |error: io::Error| ProbeError::Lost { machine: machine(), reason: error.to_string() };
    let (reading, mut writing) = split(agent.machine.connect(&agent.socket).await?);
    let request = Request::Probe { probes: probes.to_vec(), concurrency: CONCURRENCY };
    let mut request = serde_json::to_vec(&request).map_err(|error| protocol(error.to_string()))?;
    request.push(b'\n');
    writing.write_all(&request).await.map_err(lost)?;
    let mut lines = BufReader::new(reading).lines();
    loop {
        let line = lines.next_line().await.map_err(lost)?;
        let line = line.ok_or_else(|| lost(io::Error::other("it closed")))?;
        match serde_json::from_str(&line).map_err(|error| protocol(format!("{error} in `{line}`")))? {
            Reply::Result(result) => results.push(result),
            Reply::Done => return Ok(()),
            Reply::Failed { message } => return Err(protocol(message)),
            Reply::Hello { .. } => return Err(protocol("a greeting".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
