//! The machines of a provider, with all that is done on them written to a log.

use std::{net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use camino::Utf8Path;

use super::{
    Command, Machine, MachineError, Machines, Output, ProviderError, Running, SocketOutside, Stream, WholeMachine,
    command_log::{CommandLog, Logged, now},
    session::Session,
};

/// Machines whose commands are logged.
pub struct LoggedMachines {
    machines: Box<dyn Machines>,
    all: Vec<Arc<dyn WholeMachine>>,
}

/// One of them.
struct LoggedMachine {
    logged: Logged,
    whole: Arc<dyn WholeMachine>,
    log: Arc<CommandLog>,
}

impl LoggedMachines {
    /// The machines, with all that is done on them written to the log.
    #[must_use]
    pub fn new(machines: Box<dyn Machines>, log: &Arc<CommandLog>) -> Self {
        let one = |whole: &Arc<dyn WholeMachine>| {
            let machine = Arc::clone(whole) as Arc<dyn Machine>;
            let logged = Logged::new(machine, Arc::clone(log));
            Arc::new(LoggedMachine { logged, whole: Arc::clone(whole), log: Arc::clone(log) }) as Arc<dyn WholeMachine>
        };
        Self { all: machines.all().iter().map(one).collect(), machines }
    }
}

#[async_trait]
impl Machines for LoggedMachines {
    fn all(&self) -> &[Arc<dyn WholeMachine>] {
        &self.all
    }

    async fn checkpoint(&self) -> Result<(), ProviderError> {
        self.machines.checkpoint().await
    }

    fn restarts(&self) -> bool {
        self.machines.restarts()
    }

    async fn restore(&self) -> Result<(), ProviderError> {
        self.machines.restore().await
    }

    async fn park(&self) -> Result<(), ProviderError> {
        self.machines.park().await
    }

    fn socket_outside(&self) -> Option<SocketOutside> {
        self.machines.socket_outside()
    }
}

#[async_trait]
impl Machine for LoggedMachine {
    fn name(&self) -> &str {
        self.logged.name()
    }

    async fn run(&self, command: &Command) -> Result<Output, MachineError> {
        self.logged.run(command).await
    }

    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        self.logged.start(command).await
    }

    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
        self.logged.write_file(path, content, mode).await
    }

    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        self.logged.connect(socket).await
    }

    async fn session(&self, session: &Session) -> Result<Box<dyn Stream>, MachineError> {
        self.logged.session(session).await
    }
}

#[async_trait]
impl WholeMachine for LoggedMachine {
    fn address(&self) -> IpAddr {
        self.whole.address()
    }

    async fn reboot(&self, limit: Duration) -> Result<(), MachineError> {
        let began = now();
        let ended = self.whole.reboot(limit).await.map(|()| Output::default());
        self.log.ran(began, self.name(), &Command::new(["reboot"]), &ended);
        ended.map(drop)
    }

    fn patience(&self) -> u32 {
        self.whole.patience()
    }

    fn processor(&self) -> Option<&'static str> {
        self.whole.processor()
    }

    async fn console(&self) -> Result<Vec<u8>, ProviderError> {
        self.whole.console().await
    }
}
