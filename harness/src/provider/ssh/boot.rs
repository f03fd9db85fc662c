//! Boots: which one a machine is in, waiting until it is up, and asking for another one.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::SshMachine;
use crate::provider::{Command, Machine as _, MachineError};

/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// How long one try may take: an emulated processor needs seconds for the keys alone.
const ONE_TRY: Duration = Duration::from_secs(30);

/// One boot of a machine: the kernel draws another one every time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootId(String);

impl SshMachine {
    /// The boot that the machine is in.
    pub async fn boot_id(&self) -> Result<BootId, MachineError> {
        let command = Command::new(["cat", "/proc/sys/kernel/random/boot_id"]).limit(ONE_TRY);
        let output = self.run(&command).await?.success(self.name(), &command)?;
        Ok(BootId(output.text().trim().to_owned()))
    }

    /// Waits until the machine can be logged into, in another boot than `before`. The error is the last try's.
    pub async fn wait_until_up(&self, before: Option<&BootId>, limit: Duration) -> Result<BootId, MachineError> {
        let end = Instant::now() + limit;
        loop {
            let reason = match self.try_once().await {
                Ok(boot) if before != Some(&boot) => return Ok(boot),
                Ok(_) => "it has not restarted".to_owned(),
                Err(MachineError::Lost { reason, .. }) => reason,
                Err(other) => other.to_string(),
            };
            if Instant::now() + PAUSE > end {
                let reason = format!("not reachable within {limit:?}, last: {reason}");
                return Err(MachineError::Lost { machine: self.name().to_owned(), reason });
            }
            sleep(PAUSE).await;
        }
    }

    async fn try_once(&self) -> Result<BootId, MachineError> {
        self.connect_within(ONE_TRY).await?;
        self.boot_id().await
    }

    /// Restarts the machine and waits until it is up again.
    pub async fn reboot(&self, limit: Duration) -> Result<(), MachineError> {
        let before = self.boot_id().await?;
        let command = Command::new(["systemctl", "reboot"]);
        match self.run(&command).await {
            // The shutdown may end it, or the machine be down, before it has answered.
            Ok(output) if output.status > 128 => {}
            Ok(output) => output.success(self.name(), &command).map(drop)?,
            Err(MachineError::Lost { .. }) => {}
            Err(other) => return Err(other),
        }
        self.disconnect().await;
        self.wait_until_up(Some(&before), limit).await.map(drop)
    }
}
