//! A host that exists, as a machine whose every command is in the log.

use std::{net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use camino::Utf8Path;

use super::facts::Facts;
use crate::provider::{
    Command, Machine, MachineError, Output, ProviderError, Running, Stream, WholeMachine,
    command_log::{CommandLog, Logged},
    session::Session,
    ssh::{Destination, SshMachine},
};

/// A host that exists.
pub struct ExistingHost {
    destination: Destination,
    facts: Facts,
    machine: Arc<dyn Machine>,
}

impl ExistingHost {
    pub(super) fn new(
        destination: Destination,
        facts: Facts,
        machine: Arc<SshMachine>,
        log: Option<Arc<CommandLog>>,
    ) -> Self {
        let machine: Arc<dyn Machine> = match log {
            Some(log) => Arc::new(Logged::new(machine, log)),
            None => machine,
        };
        Self { destination, facts, machine }
    }

    /// Where it was said to be.
    #[must_use]
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }

    /// What it is.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }
}

#[async_trait]
impl Machine for ExistingHost {
    fn name(&self) -> &str {
        &self.facts.hostname
    }

    async fn run(&self, command: &Command) -> Result<Output, MachineError> {
        self.machine.run(command).await
    }

    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        self.machine.start(command).await
    }

    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
        self.machine.write_file(path, content, mode).await
    }

    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        self.machine.connect(socket).await
    }

    async fn session(&self, session: &Session) -> Result<Box<dyn Stream>, MachineError> {
        self.machine.session(session).await
    }
}

#[async_trait]
impl WholeMachine for ExistingHost {
    fn address(&self) -> IpAddr {
        self.facts.address
    }

    /// Somebody works on it: it is never restarted.
    async fn reboot(&self, _: Duration) -> Result<(), MachineError> {
        Err(MachineError::NotStarted {
            machine: self.facts.hostname.clone(),
            command: "systemctl reboot".to_owned(),
            reason: "a host that existed before the lab is not restarted".to_owned(),
        })
    }

    async fn console(&self) -> Result<Vec<u8>, ProviderError> {
        Ok(Vec::new())
    }
}
