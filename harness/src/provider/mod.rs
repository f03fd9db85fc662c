//! The two seams to machines: [`Provider`] makes them, [`Machine`] is one.

pub mod command_log;
mod error;
pub mod existing;
mod held;
mod hosts;
pub mod libvirt;
mod logged_machines;
pub mod multipass;
pub mod needs;
pub mod netns;
mod send_file;
pub mod session;
pub mod ssh;
mod this_host;
mod wanted;
mod whole;
pub mod wire;

use std::time::Duration;

use async_trait::async_trait;
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

use self::session::Session;
pub use self::{
    error::ProviderError,
    hosts::{HostPool, Lease, PoolError},
    logged_machines::LoggedMachines,
    send_file::{SendFileError, send_file},
    this_host::ThisHost,
    wanted::Wanted,
    whole::{Machines, Provider, SocketOutside, WholeMachine},
};

/// One running host.
#[async_trait]
pub trait Machine: Send + Sync {
    /// Its name, as its host name is.
    fn name(&self) -> &str;

    /// Runs a program as root and waits for its end.
    ///
    /// A non-zero status is not an error here; see [`Output::success`].
    async fn run(&self, command: &Command) -> Result<Output, MachineError>;

    /// Starts a program as root that goes on until [`Running::stop`].
    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError>;

    /// Writes a file, replacing what is there; folders are created. `mode` as in `chmod`.
    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError>;

    /// Opens an out-of-band stream to a unix socket on the machine.
    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError>;

    /// Runs a program as root that talks with somebody, on a terminal of its own where one is asked for. What goes
    /// over the stream is described in [`session`]; closing it ends the program.
    ///
    /// Machines of a provider that has nothing of the kind refuse.
    async fn session(&self, session: &Session) -> Result<Box<dyn Stream>, MachineError> {
        Err(MachineError::NotStarted {
            machine: self.name().to_owned(),
            command: session.argv.join(" "),
            reason: "machines of this provider have no interactive sessions".to_owned(),
        })
    }
}

/// A byte stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A program that goes on until it is stopped.
#[async_trait]
pub trait Running: Send {
    /// Waits until the program's standard output holds `text`, or the time is over.
    async fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), MachineError>;

    /// Ends the program and returns all that it printed.
    async fn stop(self: Box<Self>) -> Result<Output, MachineError>;
}

/// A program with its arguments: never a shell string.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// What it reads from standard input.
    pub stdin: Vec<u8>,
    /// After this time it is killed and the run is an error.
    pub limit: Duration,
}

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Exit status; 128 + the signal's number when a signal ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// Why a machine could not do what was asked.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
pub enum MachineError {
    /// The connection to the machine is gone: says nothing about the command.
    #[error("lost the connection to machine {machine}: {reason}")]
    Lost {
        /// Machine name.
        machine: String,
        /// What the transport said.
        reason: String,
    },
    /// The program could not be started.
    #[error("{machine}: failed to start `{command}`: {reason}")]
    NotStarted {
        /// Machine name.
        machine: String,
        /// The program with its arguments.
        command: String,
        /// The system's reason.
        reason: String,
    },
    /// The program did not end in time and was killed.
    #[error("{machine}: `{command}` did not end within {limit:?} and was killed")]
    TimedOut {
        /// Machine name.
        machine: String,
        /// The program with its arguments.
        command: String,
        /// The limit.
        limit: Duration,
    },
    /// The program ended with a status other than 0.
    #[error("{machine}: `{command}` ended with status {status}{}", quoted(.stderr))]
    Failed {
        /// Machine name.
        machine: String,
        /// The program with its arguments.
        command: String,
        /// Its exit status.
        status: i32,
        /// Its standard error, else its standard output, shortened.
        stderr: String,
    },
    /// A file or socket on the machine could not be used.
    #[error("{machine}: {path}: {reason}")]
    File {
        /// Machine name.
        machine: String,
        /// Path on the machine.
        path: String,
        /// The system's reason.
        reason: String,
    },
}

impl MachineError {
    /// Whether the way to the machine failed, which says nothing about the machine or what was asked of it.
    #[must_use]
    pub const fn is_transport(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl Command {
    /// A program with its arguments, nothing on standard input, and a limit of 60 seconds.
    pub fn new<I, S>(argv: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self { argv: argv.into_iter().map(Into::into).collect(), stdin: Vec::new(), limit: Duration::from_secs(60) }
    }

    /// A shell line of a scenario, run by `sh -ec`.
    #[must_use]
    pub fn shell(line: &str) -> Self {
        Self::new(["sh", "-ec", line])
    }

    /// The same with this on standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The same with this time limit.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// How messages show it.
    #[must_use]
    pub fn display(&self) -> String {
        match self.argv.as_slice() {
            [sh, flag, line] if sh == "sh" && flag == "-ec" => line.clone(),
            argv => argv.join(" "),
        }
    }
}

impl Output {
    /// Standard output as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Whether the status is 0.
    #[must_use]
    pub const fn ok(&self) -> bool {
        self.status == 0
    }

    /// The output when the status is 0, else [`MachineError::Failed`] with what the program said.
    pub fn success(self, machine: &str, command: &Command) -> Result<Self, MachineError> {
        if self.ok() {
            return Ok(self);
        }
        let said = if self.stderr.trim_ascii().is_empty() { &self.stdout } else { &self.stderr };
        let mut stderr = String::from_utf8_lossy(said).trim().to_owned();
        if let Some((cut, _)) = stderr.char_indices().nth(2000) {
            stderr.truncate(cut);
            stderr.push('…');
        }
        Err(MachineError::Failed {
            machine: machine.to_owned(),
            command: command.display(),
            status: self.status,
            stderr,
        })
    }
}
