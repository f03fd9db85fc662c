//! A virtual machine as a [`WholeMachine`].

use std::{net::IpAddr, time::Duration};

use async_trait::async_trait;
use camino::Utf8Path;
use tokio::time::{Instant, sleep, timeout};

use super::{accelerator::Accelerator, domain, seed::LAST_WORDS, storage::Pool, virsh::Virsh};
use crate::provider::{
    Command, Machine, MachineError, Output, ProviderError, Running, Stream, WholeMachine, session::Session,
    ssh::SshMachine,
};

/// How many lines of a console an error shows.
const TAIL: usize = 25;

/// Time between two looks whether a machine that boots still runs.
const PAUSE: Duration = Duration::from_secs(3);

/// Time between two looks at a console.
const LOOK: Duration = Duration::from_secs(1);

/// A console that says nothing for so long, on a real processor, has nothing more to tell of the boot.
const SILENCE: Duration = Duration::from_secs(10);

/// How long a boot may take on a real processor.
const BOOT: Duration = Duration::from_secs(300);

/// Waits until cloud-init has done all that it does at a first boot: until then it may change the machine under
/// everybody's hands, and keeps the package manager to itself.
const SETTLED: &str = "command -v cloud-init >/dev/null || exit 0
until [ -e /var/lib/cloud/instance/boot-finished ]; do sleep 0.5; done";

/// A virtual machine.
pub(super) struct LibvirtMachine {
    pub ssh: SshMachine,
    pub address: IpAddr,
    pub domain: String,
    pub console: String,
    pub pool: Pool,
    pub virsh: Virsh,
    pub accelerator: Accelerator,
}

impl LibvirtMachine {
    /// Waits until it can be used; explains with its console why it cannot.
    pub(super) async fn wait_for_boot(&self) -> Result<(), ProviderError> {
        let limit = BOOT * self.accelerator.patience();
        let booted = async {
            let started = Instant::now();
            // A console that never falls silent must leave time enough.
            drop(timeout(limit / 2, self.until_it_is_quiet()).await);
            self.ssh.wait_until_up(None, limit.saturating_sub(started.elapsed())).await?;
            let settled = Command::new(["sh", "-c", SETTLED]).limit(limit.saturating_sub(started.elapsed()));
            self.ssh.run(&settled).await?.success(self.name(), &settled).map(drop)
        };
        let reason = tokio::select! {
            booted = booted => match booted {
                Ok(()) => return Ok(()),
                Err(error) => error.to_string(),
            },
            state = self.stopped() => state?,
        };
        let console = self.console_tail().await;
        Err(ProviderError::Boot { machine: self.name().to_owned(), reason, console })
    }

    /// Waits until the machine is through with its boot, as far as its console tells. A login is work for a processor
    /// that has enough to do at that time, and an emulated one boots a fifth slower beside it.
    async fn until_it_is_quiet(&self) {
        // Elsewhere every look is a login of its own.
        let look = if self.virsh.uri().contains("+ssh") { LOOK * 5 } else { LOOK };
        let silence = SILENCE * self.accelerator.patience();
        let (mut heard, mut last) = (0, Instant::now());
        while last.elapsed() < silence {
            let console = self.console().await.unwrap_or_default();
            if console.windows(LAST_WORDS.len()).any(|words| words == LAST_WORDS.as_bytes()) {
                return;
            }
            if console.len() != heard {
                (heard, last) = (console.len(), Instant::now());
            }
            sleep(look).await;
        }
    }

    /// Ends when the machine does not run any more; one that is going down is waited for.
    async fn stopped(&self) -> Result<String, ProviderError> {
        loop {
            sleep(PAUSE).await;
            let state = domain::state(&self.virsh, &self.domain).await?;
            if state != "running" && state != "in shutdown" {
                return Ok(format!("it is {state}"));
            }
        }
    }

    async fn console_tail(&self) -> String {
        let console = self.console().await.unwrap_or_default();
        let text = String::from_utf8_lossy(&console);
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

#[async_trait]
impl Machine for LibvirtMachine {
    fn name(&self) -> &str {
        self.ssh.name()
    }

    async fn run(&self, command: &Command) -> Result<Output, MachineError> {
        let limit = command.limit * self.accelerator.patience();
        self.ssh.run(&command.clone().limit(limit)).await
    }

    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        self.ssh.start(command).await
    }

    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
        self.ssh.write_file(path, content, mode).await
    }

    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        self.ssh.connect(socket).await
    }

    async fn session(&self, session: &Session) -> Result<Box<dyn Stream>, MachineError> {
        self.ssh.session(session).await
    }
}

#[async_trait]
impl WholeMachine for LibvirtMachine {
    fn address(&self) -> IpAddr {
        self.address
    }

    async fn reboot(&self, limit: Duration) -> Result<(), MachineError> {
        self.ssh.reboot(limit).await
    }

    fn patience(&self) -> u32 {
        self.accelerator.patience()
    }

    fn processor(&self) -> Option<&'static str> {
        Some(self.accelerator.as_str())
    }

    async fn console(&self) -> Result<Vec<u8>, ProviderError> {
        let folder = tempfile::tempdir().map_err(ProviderError::file("failed to make a folder for a console"))?;
        let folder = Utf8Path::from_path(folder.path()).unwrap_or(Utf8Path::new("/nowhere"));
        let file = folder.join("console");
        self.pool.download(&self.console, &file).await?;
        fs_err::read(file).map_err(ProviderError::file("failed to read a console"))
    }
}
