//! The asynchronous runtime of the command line and of a lab's keeper.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Nearly all of the work is waiting for machines, and these are not in this process.
const WORKERS: usize = 2;

/// Starts one.
///
/// # Errors
/// When the system gives no threads or descriptors for it.
pub fn start() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()
}
