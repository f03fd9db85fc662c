//! The log of all that is done on whole machines.

use std::sync::Arc;

use camino::Utf8Path;

use crate::{
    diagnose::evidence::redact,
    provider::{LoggedMachines, Machines, ProviderError, command_log::CommandLog},
};

/// A log in a file, without secrets.
pub(super) fn open(path: &Utf8Path) -> Result<Arc<CommandLog>, ProviderError> {
    let failed = |source| ProviderError::File { doing: "failed to open the log of commands".to_owned(), source };
    CommandLog::to_file(path, |text| redact(text).0).map_err(failed)
}

/// The machines, with all that is done on them in the log where there is one.
pub(super) fn logged(machines: Box<dyn Machines>, log: Option<&Arc<CommandLog>>) -> Box<dyn Machines> {
    match log {
        Some(log) => Box::new(LoggedMachines::new(machines, log)),
        None => machines,
    }
}
