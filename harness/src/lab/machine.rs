//! A machine of a lab that is up, seen through its keeper.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use serde::de::DeserializeOwned;
use tokio::{net::UnixStream, time::timeout};

use super::{
    protocol::{Ask, Call, Fault, Goal, receive_printed},
    socket,
};
use crate::provider::{
    Command, Machine, MachineError, Output, Running, Stream,
    session::Session,
    wire::{receive, send, send_bytes},
};

/// How much longer than the program's own limit its end is waited for: that limit is the keeper's to keep.
const GRACE: Duration = Duration::from_secs(10);

/// A machine of a lab that is up.
#[derive(Clone, Debug)]
pub(super) struct KeptMachine {
    pub(super) name: String,
    pub(super) cluster: usize,
    pub(super) machine: usize,
    /// The lab's folder.
    pub(super) folder: Arc<Utf8PathBuf>,
}

impl KeptMachine {
    async fn call(&self, call: Call) -> Result<UnixStream, MachineError> {
        let ask = Ask::Machine { cluster: self.cluster, machine: self.machine, call };
        let opened = async {
            let mut stream = socket::connect(&self.folder).await?;
            send(&mut stream, &ask).await?;
            Ok::<_, std::io::Error>(stream)
        };
        opened.await.map_err(|error| self.lost(&error))
    }

    /// Asks for something of a program, whose input follows as a frame of its own.
    async fn program(&self, command: &Command, call: fn(Command) -> Call) -> Result<UnixStream, MachineError> {
        let mut stream = self.call(call(Command { stdin: Vec::new(), ..command.clone() })).await?;
        send_bytes(&mut stream, &command.stdin).await.map_err(|error| self.lost(&error))?;
        Ok(stream)
    }

    async fn answer<T: DeserializeOwned>(&self, stream: &mut UnixStream) -> Result<T, MachineError> {
        let answer: Result<T, Fault> = receive(stream).await.map_err(|error| self.lost(&error))?;
        answer.map_err(|fault| fault.of_machine(&self.name))
    }

    async fn output(&self, stream: &mut UnixStream) -> Result<Output, MachineError> {
        let status = self.answer(stream).await?;
        receive_printed(stream, status).await.map_err(|error| self.lost(&error))
    }

    fn lost(&self, error: &std::io::Error) -> MachineError {
        MachineError::Lost { machine: self.name.clone(), reason: format!("the lab's keeper does not answer: {error}") }
    }
}

#[async_trait]
impl Machine for KeptMachine {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, MachineError> {
        let ended = timeout(command.limit + GRACE, async {
            let mut stream = self.program(command, Call::Run).await?;
            self.output(&mut stream).await
        });
        ended.await.unwrap_or_else(|_| {
            let (machine, command, limit) = (self.name.clone(), command.display(), command.limit);
            Err(MachineError::TimedOut { machine, command, limit })
        })
    }

    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        let mut stream = self.program(command, Call::Start).await?;
        self.answer::<()>(&mut stream).await?;
        Ok(Box::new(KeptRunning { machine: self.clone(), stream }))
    }

    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
        let mut stream = self.call(Call::Write { path: path.to_owned(), mode }).await?;
        send_bytes(&mut stream, content).await.map_err(|error| self.lost(&error))?;
        self.answer(&mut stream).await
    }

    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        let mut stream = self.call(Call::Connect { socket: socket.to_owned() }).await?;
        self.answer::<()>(&mut stream).await?;
        Ok(Box::new(stream))
    }

    async fn session(&self, session: &Session) -> Result<Box<dyn Stream>, MachineError> {
        let mut stream = self.call(Call::Session(session.clone())).await?;
        self.answer::<()>(&mut stream).await?;
        Ok(Box::new(stream))
    }
}

/// A program under way.
struct KeptRunning {
    machine: KeptMachine,
    stream: UnixStream,
}

impl KeptRunning {
    async fn ask(&mut self, goal: Goal) -> Result<(), MachineError> {
        send(&mut self.stream, &goal).await.map_err(|error| self.machine.lost(&error))
    }
}

#[async_trait]
impl Running for KeptRunning {
    async fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), MachineError> {
        self.ask(Goal::Printed { text: text.to_owned(), limit }).await?;
        self.machine.answer(&mut self.stream).await
    }

    async fn stop(mut self: Box<Self>) -> Result<Output, MachineError> {
        self.ask(Goal::Stop).await?;
        self.machine.output(&mut self.stream).await
    }
}
