//! Probing: from cases to the agents' probes and back.

mod agent;
mod aim;

pub use self::{
    agent::{ProbeError, run_batch},
    aim::{AimError, aim},
};
