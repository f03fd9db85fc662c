//! A space of the sandbox as a [`Machine`].

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use camino::Utf8Path;
use tokio::{
    io::AsyncWriteExt as _,
    net::UnixStream,
    time::{Instant, timeout, timeout_at},
};

use super::{
    mounts::LAB,
    protocol::{Answer, Ask, Launch, SpaceId, receive, receive_bytes, send_bytes},
    sandbox::{Sandbox, SandboxError},
};
use crate::provider::{Command, Machine, MachineError, Output, Running, Stream, session::Session};

/// A namespace host, or a pod's namespaces.
#[derive(Clone, Debug)]
pub struct NetnsMachine {
    name: String,
    sandbox: Arc<Sandbox>,
    space: SpaceId,
    netns: String,
}

impl NetnsMachine {
    pub(super) const fn new(name: String, sandbox: Arc<Sandbox>, space: SpaceId, netns: String) -> Self {
        Self { name, sandbox, space, netns }
    }

    /// Path of its network namespace, valid on every machine of the lab.
    #[must_use]
    pub fn netns(&self) -> &str {
        &self.netns
    }

    /// Path, valid on every machine of the lab, of what the daemon of this name printed.
    #[must_use]
    pub fn log(&self, daemon: &str) -> String {
        let space = self.netns.rsplit('/').next().unwrap_or_default();
        format!("{LAB}/spaces/{space}/{daemon}.log")
    }

    /// Starts a program that lives as long as the lab; what it prints goes to [`Self::log`].
    pub async fn daemon(&self, argv: &[&str], env: &[(String, String)], name: &str) -> Result<(), MachineError> {
        let argv: Vec<String> = argv.iter().map(|&word| word.to_owned()).collect();
        let command = Command::new(argv.clone());
        let launch = Launch { space: self.space, argv, env: env.to_vec() };
        let mut stream = self.ask(&Ask::Daemon { launch, log: self.log(name).into() }).await?;
        self.done(&mut stream, |reason| self.not_started(&command, reason)).await
    }

    /// Opens a stream to an address in its network namespace.
    pub async fn connect_tcp(&self, to: SocketAddr) -> Result<Box<dyn Stream>, MachineError> {
        let file = |reason| MachineError::File { machine: self.name.clone(), path: to.to_string(), reason };
        let mut stream = self.ask(&Ask::ConnectTcp { space: self.space, to }).await?;
        self.done(&mut stream, file).await?;
        Ok(Box::new(stream))
    }

    /// Carries what comes to `listen` on this machine to `to` on another of the lab, past every network of theirs.
    pub async fn forward(&self, listen: SocketAddr, other: &Self, to: SocketAddr) -> Result<(), MachineError> {
        let file = |reason| MachineError::File { machine: self.name.clone(), path: listen.to_string(), reason };
        let mut stream = self.ask(&Ask::Forward { space: self.space, listen, to_space: other.space, to }).await?;
        self.done(&mut stream, file).await
    }

    async fn ask(&self, ask: &Ask) -> Result<UnixStream, MachineError> {
        self.sandbox.ask(ask).await.map_err(|error| self.lost(&error))
    }

    async fn done(&self, stream: &mut UnixStream, failed: impl Fn(String) -> MachineError) -> Result<(), MachineError> {
        match receive(stream).await {
            Ok(Answer::Done) => Ok(()),
            Ok(Answer::Failed { reason }) => Err(failed(reason)),
            Ok(other) => Err(failed(format!("unexpected answer {other:?}"))),
            Err(_) => Err(self.lost(&self.sandbox.gone())),
        }
    }

    fn lost(&self, error: &SandboxError) -> MachineError {
        MachineError::Lost { machine: self.name.clone(), reason: error.to_string() }
    }

    fn not_started(&self, command: &Command, reason: String) -> MachineError {
        MachineError::NotStarted { machine: self.name.clone(), command: command.display(), reason }
    }

    async fn launch(&self, command: &Command) -> Result<Process, MachineError> {
        let launch = Launch { space: self.space, argv: command.argv.clone(), env: Vec::new() };
        let mut stream = self.ask(&Ask::Run(launch)).await?;
        send_bytes(&mut stream, &command.stdin).await.map_err(|_| self.lost(&self.sandbox.gone()))?;
        Ok(Process {
            machine: self.clone(),
            command: command.clone(),
            stream,
            printed: Output::default(),
            ended: false,
        })
    }
}

#[async_trait]
impl Machine for NetnsMachine {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, MachineError> {
        let mut process = self.launch(command).await?;
        let ended = timeout(command.limit, process.read_to_end()).await;
        tracing::debug!(machine = self.name, command = command.display(), status = process.printed.status);
        match ended {
            Ok(result) => result.map(|()| process.printed),
            // Dropping the stream makes the supervisor kill the program.
            Err(_) => Err(MachineError::TimedOut {
                machine: self.name.clone(),
                command: command.display(),
                limit: command.limit,
            }),
        }
    }

    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        Ok(Box::new(self.launch(command).await?))
    }

    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
        let file = |reason| MachineError::File { machine: self.name.clone(), path: path.to_string(), reason };
        let mut stream = self.ask(&Ask::Write { space: self.space, path: path.to_owned(), mode }).await?;
        send_bytes(&mut stream, content).await.map_err(|_| self.lost(&self.sandbox.gone()))?;
        self.done(&mut stream, file).await
    }

    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        let file = |reason| MachineError::File { machine: self.name.clone(), path: socket.to_string(), reason };
        let mut stream = self.ask(&Ask::Connect { space: self.space, socket: socket.to_owned() }).await?;
        self.done(&mut stream, file).await?;
        Ok(Box::new(stream))
    }

    async fn session(&self, session: &Session) -> Result<Box<dyn Stream>, MachineError> {
        Ok(Box::new(self.ask(&Ask::Session { space: self.space, session: session.clone() }).await?))
    }
}

/// A program under way.
struct Process {
    machine: NetnsMachine,
    command: Command,
    stream: UnixStream,
    printed: Output,
    ended: bool,
}

impl Process {
    /// Takes the next thing that the supervisor says.
    async fn read_part(&mut self) -> Result<(), MachineError> {
        let lost = |machine: &NetnsMachine| machine.lost(&machine.sandbox.gone());
        match receive(&mut self.stream).await {
            Ok(Answer::Output { stderr }) => {
                let bytes = receive_bytes(&mut self.stream).await.map_err(|_| lost(&self.machine))?;
                let printed = if stderr { &mut self.printed.stderr } else { &mut self.printed.stdout };
                printed.extend(bytes);
                Ok(())
            }
            Ok(Answer::Exit { status }) => {
                self.printed.status = status;
                self.ended = true;
                Ok(())
            }
            Ok(Answer::Failed { reason }) => Err(self.machine.not_started(&self.command, reason)),
            Ok(other) => Err(self.machine.not_started(&self.command, format!("unexpected answer {other:?}"))),
            Err(_) => Err(lost(&self.machine)),
        }
    }

    async fn read_to_end(&mut self) -> Result<(), MachineError> {
        while !self.ended {
            self.read_part().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Running for Process {
    async fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), MachineError> {
        let end = Instant::now() + limit;
        while !String::from_utf8_lossy(&self.printed.stdout).contains(text) {
            if self.ended {
                return Err(self.machine.not_started(&self.command, format!("it ended before it printed `{text}`")));
            }
            match timeout_at(end, self.read_part()).await {
                Ok(part) => part?,
                Err(_) => {
                    return Err(MachineError::TimedOut {
                        machine: self.machine.name.clone(),
                        command: self.command.display(),
                        limit,
                    });
                }
            }
        }
        Ok(())
    }

    async fn stop(mut self: Box<Self>) -> Result<Output, MachineError> {
        drop(self.stream.shutdown().await);
        self.read_to_end().await?;
        Ok(self.printed)
    }
}
