//! What a lab's keeper is asked, and answers.
//!
//! One connection carries one [`Ask`]; all messages are frames ([`crate::provider::wire`]). Every answer is a
//! `Result` whose error is a [`Fault`]. Closing the connection ends what it asked for.

use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    cluster::ClusterError,
    provider::{
        Command, MachineError, Output,
        session::Session,
        wire::{receive_bytes, send_bytes},
    },
    run::{Trouble, progress::Phase},
};

/// What a keeper is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ask {
    /// What is there? Answered with [`Described`](super::Described).
    Describe,
    /// Something of a machine.
    Machine {
        /// Index of its cluster.
        cluster: usize,
        /// Its index among the cluster's places.
        machine: usize,
        /// What.
        call: Call,
    },
    /// Whether the rules of a cluster's proxy are all there. Answered with a boolean.
    RulesIntact {
        /// Its index.
        cluster: usize,
    },
    /// Write those rules again.
    Resync {
        /// Its index.
        cluster: usize,
    },
    /// Take the lab down. Answered when all is gone.
    Down,
}

/// What is asked of a machine: the methods of [`Machine`](crate::provider::Machine).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Call {
    /// Run a program to its end; a frame with its input follows. Answered with its status, then two frames with
    /// what it printed.
    Run(Command),
    /// Start a program; a frame with its input follows. Answered with nothing; [`Goal`]s follow.
    Start(Command),
    /// Write a file; a frame with its content follows.
    Write {
        /// Where.
        path: Utf8PathBuf,
        /// As in `chmod`.
        mode: u32,
    },
    /// Connect to a unix socket. Once that is answered, the bytes are the stream's.
    Connect {
        /// Where.
        socket: Utf8PathBuf,
    },
    /// Open a session. Once that is answered, the bytes are the session's.
    Session(Session),
}

/// What is asked of a program that was started.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Goal {
    /// Wait until it has printed this.
    Printed {
        /// The text.
        text: String,
        /// For so long.
        limit: Duration,
    },
    /// End it. Answered as [`Call::Run`] is.
    Stop,
}

/// Why something did not work.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    /// A machine's own reason.
    Machine(MachineError),
    /// Another reason.
    Other(String),
}

/// What the keeper tells whoever started it, until the lab is up.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum News {
    /// Something that somebody should know who waits.
    Notice(String),
    /// A cluster has entered a phase.
    Phase {
        /// Its index.
        cluster: usize,
        /// The phase.
        phase: Phase,
    },
    /// A cluster is up.
    Made {
        /// Its index.
        cluster: usize,
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// All is up. The lab stays once the other side has said [`Stay`].
    Up,
    /// The lab could not be made; nothing is left but what is told.
    Failed(Trouble),
}

/// Whoever started the keeper has heard that the lab is up.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stay;

impl From<MachineError> for Fault {
    fn from(error: MachineError) -> Self {
        Self::Machine(error)
    }
}

impl From<ClusterError> for Fault {
    fn from(error: ClusterError) -> Self {
        Self::Other(error.to_string())
    }
}

impl Fault {
    /// The error of a machine.
    pub(super) fn of_machine(self, machine: &str) -> MachineError {
        match self {
            Self::Machine(error) => error,
            Self::Other(reason) => MachineError::Lost { machine: machine.to_owned(), reason },
        }
    }
}

/// Sends what a program printed, after its status.
pub(super) async fn send_printed<W: AsyncWrite + Unpin>(stream: &mut W, output: &Output) -> std::io::Result<()> {
    send_bytes(stream, &output.stdout).await?;
    send_bytes(stream, &output.stderr).await
}

/// Receives what a program printed, after its status.
pub(super) async fn receive_printed<R: AsyncRead + Unpin>(stream: &mut R, status: i32) -> std::io::Result<Output> {
    Ok(Output { status, stdout: receive_bytes(stream).await?, stderr: receive_bytes(stream).await? })
}
