//! Talking to agents: one batch of probes over one out-of-band connection.

use std::time::Duration;

use lab_agent::protocol::{Probe, ProbeResult, Reply, Request};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, split},
    time::timeout,
};

use crate::{cluster::workload::AgentSocket, provider::MachineError};

/// How many probes one agent runs at the same time.
const CONCURRENCY: usize = 128;

/// What an agent may take beyond its probes' own time limits.
const SLACK: Duration = Duration::from_secs(15);

/// Why a batch could not be run. Never the network's fault: the control channel is out of band.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The agent's socket could not be reached.
    #[error("failed to reach the agent: {0}")]
    Connect(#[from] MachineError),
    /// The connection broke, or something else than the protocol came over it.
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

/// Runs probes at an agent. The results come in the order in which the probes ended; every probe has one.
pub async fn run_batch(agent: &AgentSocket, probes: Vec<Probe>) -> Result<Vec<ProbeResult>, ProbeError> {
    let machine = agent.machine.name().to_owned();
    if probes.is_empty() {
        return Ok(Vec::new());
    }
    let longest =
        probes.iter().map(|probe| probe.timeout_ms * u64::from(probe.repeat.max(1))).max().unwrap_or_default();
    let rounds = u32::try_from(probes.len().div_ceil(CONCURRENCY)).unwrap_or(u32::MAX);
    let limit = (Duration::from_millis(longest) * rounds).saturating_add(SLACK);
    let count = probes.len();
    match timeout(limit, exchange(agent, probes)).await {
        Ok(Ok(results)) if results.len() == count => Ok(results),
        Ok(Ok(results)) => {
            Err(ProbeError::Protocol { machine, reason: format!("{} results for {count} probes", results.len()) })
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(ProbeError::TimedOut { machine, probes: count, limit }),
    }
}

async fn exchange(agent: &AgentSocket, probes: Vec<Probe>) -> Result<Vec<ProbeResult>, ProbeError> {
    let protocol = |reason: String| ProbeError::Protocol { machine: agent.machine.name().to_owned(), reason };
    let (reading, mut writing) = split(agent.machine.connect(&agent.socket).await?);
    let mut request = serde_json::to_vec(&Request::Probe { probes, concurrency: CONCURRENCY })
        .map_err(|error| protocol(error.to_string()))?;
    request.push(b'\n');
    writing.write_all(&request).await.map_err(|error| protocol(error.to_string()))?;
    let mut lines = BufReader::new(reading).lines();
    let mut results = Vec::new();
    loop {
        let line = lines.next_line().await.map_err(|error| protocol(error.to_string()))?;
        let line = line.ok_or_else(|| protocol("the connection closed".to_owned()))?;
        match serde_json::from_str(&line).map_err(|error| protocol(format!("{error} in `{line}`")))? {
            Reply::Result(result) => results.push(result),
            Reply::Done => return Ok(results),
            Reply::Failed { message } => return Err(protocol(message)),
            Reply::Hello { .. } => return Err(protocol("a greeting".to_owned())),
        }
    }
}
