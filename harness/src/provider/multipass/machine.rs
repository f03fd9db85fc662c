//! An instance as a [`Machine`].

use std::{
    net::IpAddr,
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
    sync::Mutex,
};

use super::{
    client::Multipass,
    process::{Process, exec},
    session,
    state::InstanceState,
};
use crate::{
    agent_binary::LAB_AGENT,
    provider::{
        Command, Machine, MachineError, Output, ProviderError, Running, Stream, WholeMachine, session::Session,
        ssh::token,
    },
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

/// An instance, and the machine of a lab that it is.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub multipass: Multipass,
    /// As a machine of the lab.
    pub name: String,
    /// In Multipass.
    pub id: String,
}

/// An instance as a machine.
pub struct MultipassMachine {
    instance: Instance,
    address: IpAddr,
    /// Whether the program that leads to sockets is there.
    pipe: Mutex<bool>,
}

impl MultipassMachine {
    pub(super) fn new(multipass: Multipass, name: String, id: String, address: IpAddr) -> Self {
        Self { instance: Instance { multipass, name, id }, address, pipe: Mutex::new(false) }
    }

    pub(super) const fn instance(&self) -> &Instance {
        &self.instance
    }

    /// What was put on its disk may be there no more.
    pub(super) async fn returned(&self) {
        *self.pipe.lock().await = false;
    }

    fn file(&self, path: &Utf8Path, reason: impl Into<String>) -> MachineError {
        MachineError::File { machine: self.name().to_owned(), path: path.to_string(), reason: reason.into() }
    }

    fn launch(&self, command: &Command, limit: Option<Duration>) -> Result<Process, MachineError> {
        Process::launch(&self.instance, USER, command, limit)
    }
}

#[async_trait]
impl Machine for MultipassMachine {
    fn name(&self) -> &str {
        &self.instance.name
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
        let to = format!("{}:{between}", self.instance.id);
        let sent = self.instance.multipass.call(&["transfer", "-", &to], content, limit).await;
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
        {
            let mut there = self.pipe.lock().await;
            if !*there {
                self.write_file(PIPE.into(), LAB_AGENT, 0o755).await?;
                *there = true;
            }
        }
        let output = self.run(&Command::new(["sh", "-c", CHECK, "sh", socket.as_str()])).await?;
        if !output.ok() {
            return Err(self.file(socket, output.text().trim()));
        }
        if socket.as_str().contains('\'') {
            return Err(self.file(socket, "its path holds a quote"));
        }
        let line = format!("exec sudo -n {PIPE} pipe --socket '{socket}'");
        let mut program = self.instance.multipass.program(&exec(&self.instance.id, &line));
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = program.spawn().map_err(|error| self.file(socket, format!("multipass: {error}")))?;
        match (child.stdout.take(), child.stdin.take()) {
            (Some(stdout), Some(stdin)) => Ok(Box::new(Pipe { streams: join(stdout, stdin), _child: child })),
            _ => Err(self.file(socket, "multipass has no streams")),
        }
    }

    async fn session(&self, session: &Session) -> Result<Box<dyn Stream>, MachineError> {
        Ok(session::start(&self.instance, USER, session))
    }
}

#[async_trait]
impl WholeMachine for MultipassMachine {
    fn address(&self) -> IpAddr {
        self.address
    }

    async fn reboot(&self, limit: Duration) -> Result<(), MachineError> {
        let Instance { multipass, name, id } = &self.instance;
        let lost =
            |error: super::MultipassError| MachineError::Lost { machine: name.clone(), reason: error.to_string() };
        let seconds = limit.as_secs().to_string();
        // Stopping has no limit of its own.
        multipass.call(&["restart", id, "--timeout", &seconds], &[], 2 * limit).await.map_err(lost)?;
        multipass.wait_for(id, &InstanceState::Running, limit).await.map_err(lost)
    }

    /// Multipass shows no console.
    async fn console(&self) -> Result<Vec<u8>, ProviderError> {
        Ok(Vec::new())
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
