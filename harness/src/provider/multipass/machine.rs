//! An instance as a [`Machine`].

use std::{
    pin::Pin,
    process::Stdio,
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use camino::Utf8Path;
use tokio::{
    io::{AsyncRead, AsyncWrite, Join, ReadBuf, join},
    process::{Child, ChildStdin, ChildStdout},
    sync::OnceCell,
};

use super::{
    client::Multipass,
    process::{Process, exec},
};
use crate::{
    agent_binary::LAB_AGENT,
    provider::{Command, Machine, MachineError, Output, Running, Stream, ssh::token},
};

/// User of `multipass exec`, on every image: Multipass's user data make it.
const USER: &str = "ubuntu";

/// Where the program lies in the instance that leads to unix sockets.
const PIPE: &str = "/var/tmp/pathlab-pipe/lab-agent";

/// What a transfer of files reaches at least, in bytes per second.
const SLOWEST_TRANSFER: u64 = 256 << 10;

/// Puts a transferred file in its place: from `$1` to `$2`, with mode `$3`.
const PLACE: &str = r#"trap 'rm -f "$1" "$2.$$.new"' EXIT
mkdir -p -m 755 "$(dirname "$2")"
install -m "$3" "$1" "$2.$$.new"
mv -fT "$2.$$.new" "$2""#;

/// Says on standard output what is wrong with a socket.
const CHECK: &str = r#"if [ ! -e "$1" ]; then echo 'no such socket'; exit 1; fi
if [ ! -S "$1" ]; then echo 'not a socket'; exit 1; fi"#;

/// An instance.
pub struct MultipassMachine {
    multipass: Multipass,
    name: String,
    boot: Duration,
    pipe: OnceCell<()>,
}

impl MultipassMachine {
    /// The instance of that name; booting may take `boot`.
    #[must_use]
    pub fn new(multipass: Multipass, name: String, boot: Duration) -> Self {
        Self { multipass, name, boot, pipe: OnceCell::new() }
    }

    /// Restarts the instance and waits until it can be used.
    pub async fn reboot(&self) -> Result<(), MachineError> {
        let lost =
            |error: super::MultipassError| MachineError::Lost { machine: self.name.clone(), reason: error.to_string() };
        let seconds = self.boot.as_secs().to_string();
        self.multipass.call(&["restart", &self.name, "--timeout", &seconds], &[], 2 * self.boot).await.map_err(lost)?;
        self.multipass.wait_for(&self.name, &super::InstanceState::Running, self.boot).await.map_err(lost)
    }

    fn file(&self, path: &Utf8Path, reason: impl Into<String>) -> MachineError {
        MachineError::File { machine: self.name.clone(), path: path.to_string(), reason: reason.into() }
    }

    fn launch(&self, command: &Command, limit: Option<Duration>) -> Result<Process, MachineError> {
        Process::launch(&self.multipass, &self.name, USER, command, limit)
    }
}

#[async_trait]
impl Machine for MultipassMachine {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, MachineError> {
        self.launch(command, Some(command.limit))?.finish(command.limit).await
    }

    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        Ok(Box::new(self.launch(command, None)?))
    }

    /// Transfers through standard input: Multipass's snap cannot read every file of this machine.
    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
        let between = format!("/tmp/pathlab-{}", token());
        let limit = Duration::from_secs(60 + content.len() as u64 / SLOWEST_TRANSFER);
        let to = format!("{}:{between}", self.name);
        let sent = self.multipass.call(&["transfer", "-", &to], content, limit).await;
        sent.map_err(|error| self.file(path, error.to_string()))?;
        let place = ["sh", "-ec", PLACE, "sh", &between, path.as_str(), &format!("{mode:o}")];
        let output = self.run(&Command::new(place).limit(limit)).await?;
        if output.ok() {
            return Ok(());
        }
        Err(self.file(path, String::from_utf8_lossy(&output.stderr).trim()))
    }

    /// Multipass forwards nothing, so the agent leads a program's streams to the socket.
    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        self.pipe.get_or_try_init(|| self.write_file(PIPE.into(), LAB_AGENT, 0o755)).await?;
        let output = self.run(&Command::new(["sh", "-c", CHECK, "sh", socket.as_str()])).await?;
        if !output.ok() {
            return Err(self.file(socket, output.text().trim()));
        }
        if socket.as_str().contains('\'') {
            return Err(self.file(socket, "its path holds a quote"));
        }
        let line = format!("exec sudo -n {PIPE} pipe --socket '{socket}'");
        let mut program = self.multipass.program(&exec(&self.name, &line));
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = program.spawn().map_err(|error| self.file(socket, format!("multipass: {error}")))?;
        match (child.stdout.take(), child.stdin.take()) {
            (Some(stdout), Some(stdin)) => Ok(Box::new(Pipe { streams: join(stdout, stdin), _child: child })),
            _ => Err(self.file(socket, "multipass has no streams")),
        }
    }
}

/// The streams of a program; it ends with them.
struct Pipe {
    streams: Join<ChildStdout, ChildStdin>,
    _child: Child,
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.streams).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.streams).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.streams).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.streams).poll_shutdown(cx)
    }
}
