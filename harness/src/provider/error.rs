//! Why a provider could not make machines, and what to do about it.

use std::time::Duration;

use camino::Utf8PathBuf;
use miette::Diagnostic;

use super::{MachineError, multipass::MultipassError, ssh::KeyError};
use crate::ledger::LedgerError;

/// Why a provider could not do what was asked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ProviderError {
    /// A program is not on this machine.
    #[error("found no program {program}")]
    #[diagnostic(help("`lab doctor` says which packages are missing"))]
    NoProgram {
        /// Its name.
        program: String,
    },
    /// What makes the machines does not answer, or not to this user.
    #[error("failed to connect to {to}: {reason}")]
    Unreachable {
        /// What.
        to: String,
        /// What it said.
        reason: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// A name is in use by something that is not ours.
    #[error("the name of the {what} {name} is taken: {reason}")]
    #[diagnostic(help("use another name for the lab, or remove it if nobody needs it any more"))]
    NameTaken {
        /// Machine, network, storage pool.
        what: &'static str,
        /// Its name.
        name: String,
        /// What was said.
        reason: String,
    },
    /// No network for the machines.
    #[error("no network for the machines: {reason}")]
    Network {
        /// Why.
        reason: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// The disk is full, or would be.
    #[error("no space left for the machines in {folder}: {reason}")]
    #[diagnostic(help("make room there; libvirt's machines may be in another folder: `--libvirt-storage DIR`"))]
    NoSpace {
        /// Where.
        folder: String,
        /// How much is lacking, or what was said.
        reason: String,
    },
    /// The image is not there, or cannot be used.
    #[error("the image {path} cannot be used: {reason}")]
    #[diagnostic(help("`lab image fetch` or `lab image build` gets it again"))]
    Image {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// A lab's own copy of an image.
    #[error("the lab's copy of an image, {path}, is another one: {reason}")]
    #[diagnostic(help("its machines cannot be trusted any more: end the lab with `lab down`, and make it anew"))]
    Copy {
        /// Where it is, on the machines' host.
        path: Utf8PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A machine did not come up.
    #[error("machine {machine} did not come up: {reason}{}", console_tail(.console))]
    #[diagnostic(help(
        "the end of its console says how far it came; does the image have cloud-init and an SSH server, and is it for \
         this processor? `lab image verify` reads it again; `--memory` and `--cpus` give the machine more"
    ))]
    Boot {
        /// Which.
        machine: String,
        /// Why it is believed so.
        reason: String,
        /// The last lines of its serial console.
        console: String,
    },
    /// Something took too long.
    #[error("`{command}` did not end within {limit:?}")]
    TimedOut {
        /// What was run here.
        command: String,
        /// The limit.
        limit: Duration,
    },
    /// A program failed for another reason.
    #[error("`{command}` failed: {reason}")]
    Command {
        /// What was run here.
        command: String,
        /// What it said.
        reason: String,
    },
    /// Not with this provider, or not in this state.
    #[error("{0}")]
    Refused(String),
    /// A file here.
    #[error("{doing}: {source}")]
    File {
        /// What was tried.
        doing: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Multipass.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Multipass(MultipassError),
    /// A machine.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The ledger.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
}

fn console_tail(console: &str) -> String {
    if console.is_empty() {
        "; its console printed nothing".to_owned()
    } else {
        format!("; its console ended with:\n{console}")
    }
}

impl ProviderError {
    /// Makes errors of files.
    pub(super) fn file(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::File { doing, source }
    }
}

impl From<MultipassError> for ProviderError {
    fn from(error: MultipassError) -> Self {
        match error {
            MultipassError::NameTaken { name, state } => {
                Self::NameTaken { what: "Multipass instance", name, reason: format!("there is one, and it is {state}") }
            }
            MultipassError::TimedOut { command, limit } => Self::TimedOut { command, limit },
            MultipassError::Machine(error) => Self::Machine(error),
            other => Self::Multipass(other),
        }
    }
}
