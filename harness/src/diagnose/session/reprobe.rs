//! The seam to the probing phase: repeats the probes of failing cases.

use std::time::Duration;

use async_trait::async_trait;
use lab_agent::protocol::ProbeResult;

/// One probe to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// Index of the case in the contexts that were handed over.
    pub case: usize,
    /// Local port to start from.
    pub source_port: u16,
    /// Time limit. A packet that vanishes needs no longer one to be seen vanishing.
    pub limit: Duration,
}

/// Repeats probes.
#[async_trait]
pub trait Reprobe: Send + Sync {
    /// Makes these probes at the same time, one exchange each whatever the case has, and returns how each ended, in the same order.
    async fn reprobe(&self, probes: &[Again]) -> Vec<ProbeResult>;
}
