//! Why Multipass could not do what was asked.

use std::time::Duration;

use miette::Diagnostic;

use crate::provider::MachineError;

/// Why Multipass could not do what was asked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum MultipassError {
    /// It cannot work on this machine at all.
    #[error("Multipass cannot run virtual machines here: {reason}")]
    Unable {
        /// What is missing.
        reason: String,
        /// What can be done.
        #[help]
        help: String,
    },
    /// The command is not there, or could not be started.
    #[error("failed to start multipass: {0}")]
    #[diagnostic(help("`lab doctor` says how to get it; `--provider netns` needs no virtual machine"))]
    NotStarted(std::io::Error),
    /// The daemon does not answer.
    #[error("Multipass's daemon does not answer: {0}")]
    #[diagnostic(help(
        "`snap services multipass` shows whether it runs; `sudo snap restart multipass` starts it again"
    ))]
    NoDaemon(String),
    /// The command did not end in time.
    #[error("`{command}` did not end within {limit:?}")]
    TimedOut {
        /// The command.
        command: String,
        /// The limit.
        limit: Duration,
    },
    /// The command failed.
    #[error("`{command}` failed (status {status}): {reason}")]
    Failed {
        /// The command.
        command: String,
        /// Its exit status.
        status: i32,
        /// What it said.
        reason: String,
    },
    /// It said something that is not of the documented shape.
    #[error("failed to understand `{command}`: {reason}")]
    NotUnderstood {
        /// The command.
        command: String,
        /// What is wrong with its output.
        reason: String,
    },
    /// There is an instance of this name, and it is not of this lab.
    #[error("there is a Multipass instance {name} already ({state})")]
    #[diagnostic(help("`multipass delete --purge NAME` removes it, if nobody needs it"))]
    NameTaken {
        /// Its name.
        name: String,
        /// Its state.
        state: String,
    },
    /// A name that Multipass does not take.
    #[error("`{0}` is no name for an instance: letters, digits and hyphens, a letter first, no hyphen last")]
    BadName(String),
    /// An instance that is not in the state that it must have, and does not come into it.
    #[error("instance {name} is {state} and not {wanted} after {limit:?}")]
    State {
        /// Its name.
        name: String,
        /// Its state.
        state: String,
        /// The state it should have.
        wanted: String,
        /// How long was waited.
        limit: Duration,
    },
    /// An instance without address: nothing can be aimed at it.
    #[error("instance {0} has no address")]
    #[diagnostic(help("`multipass info` shows what it has; does its network have a DHCP server?"))]
    NoAddress(String),
    /// An instance that came back with another address.
    #[error("instance {name} came back as {after} and was {before}")]
    #[diagnostic(help("Multipass's DHCP server gave it another address; a run makes its machines anew"))]
    Moved {
        /// Its name.
        name: String,
        /// Its address before.
        before: String,
        /// And now.
        after: String,
    },
    /// cloud-init did not do its work in an instance.
    #[error("cloud-init failed in instance {name}: {reason}")]
    CloudInit {
        /// The instance.
        name: String,
        /// What it said.
        reason: String,
    },
    /// A command in an instance.
    #[error(transparent)]
    Machine(#[from] MachineError),
}
