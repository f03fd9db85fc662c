//! Commands for labs that stay up.

mod asked;
pub mod down;
pub mod enter;
pub mod gc;
mod session;
pub mod status;
pub mod test;
pub mod up;

use std::future::Future;

use miette::Diagnostic;

pub use self::asked::planned;
pub(super) use self::{
    asked::Asked,
    up::{Unmade, make, ways_in},
};
use super::failure::Failure;
use crate::{
    lab::{Lab, LabError},
    ledger::Ledger,
};

/// The program's own runtime could not be started.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("failed to start: {0}")]
struct RuntimeError(std::io::Error);

/// Runs what waits for labs, from a program without a runtime.
pub(super) fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    Ok(runtime()?.block_on(work))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| Failure::lab(RuntimeError(error)))
}

/// The lab of this name, which must be up.
pub(super) async fn open(name: &str) -> Result<Lab, Failure> {
    let ledger = Ledger::open().map_err(Failure::lab)?;
    Lab::open(&ledger, name).await.map_err(refused)
}

/// A name that is no lab's is a bad argument; a lab that does not answer is a broken one.
fn refused(error: LabError) -> Failure {
    if matches!(error, LabError::Unknown { .. }) { Failure::input(error) } else { Failure::lab(error) }
}
