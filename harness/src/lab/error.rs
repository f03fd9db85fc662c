//! Why a lab cannot be reached.

use miette::Diagnostic;

use crate::ledger::{LabName, LedgerError};

/// Why a lab cannot be reached.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LabError {
    /// There is none of that name.
    #[error("there is no lab `{name}`")]
    Unknown {
        /// The name, as it was given.
        name: String,
        /// Which there are.
        #[help]
        help: String,
    },
    /// Its keeper has ended.
    #[error("the lab `{name}` is gone: its keeper (process {pid}) has ended")]
    #[diagnostic(help("clear it away with `lab gc`; {log} holds its keeper's last words"))]
    Gone {
        /// Its name.
        name: LabName,
        /// The keeper's number.
        pid: i32,
        /// The keeper's log.
        log: camino::Utf8PathBuf,
    },
    /// It is not up yet.
    #[error("the lab `{name}` is still being made")]
    #[diagnostic(help("`lab status` shows when it is up"))]
    Making {
        /// Its name.
        name: LabName,
    },
    /// It is a run's, which goes on.
    #[error("the lab `{name}` is used by a run (process {pid})")]
    #[diagnostic(help("end that run: Ctrl-C, or `kill -INT {pid}`; its machines go with it"))]
    InUse {
        /// Its name.
        name: LabName,
        /// The run's process.
        pid: i32,
    },
    /// Its keeper does not answer as it should.
    #[error("the keeper of the lab `{name}` does not answer: {reason}")]
    #[diagnostic(help("`lab down {name}` ends it all the same"))]
    Silent {
        /// Its name.
        name: LabName,
        /// What happened.
        reason: String,
    },
    /// The ledger.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
}
