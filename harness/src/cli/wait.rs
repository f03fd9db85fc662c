//! How commands, which have no runtime, do what takes one.

use std::future::Future;

use miette::Diagnostic;
use tokio::runtime::Runtime;

use super::failure::Failure;

/// The program's own runtime could not be started.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("failed to start: {0}")]
struct RuntimeError(std::io::Error);

/// Does some work to its end.
pub(super) fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    Ok(runtime()?.block_on(work))
}

/// A runtime, for work that comes in pieces.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    crate::runtime::start().map_err(|error| Failure::lab(RuntimeError(error)))
}
