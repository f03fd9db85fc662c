//! `nft monitor trace` on one machine, from the moment it listens to the moment it has read everything.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::netlink::{TraceSocket, trace_sockets};
use crate::{
    diagnose::{
        TRACE_TABLE,
        trace::{Transcript, parse},
    },
    provider::{Command, Machine, MachineError, Running},
};

/// How long to wait for a listener to be there, or to have read everything.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// A machine that marks and listens.
pub struct Listener {
    machine: Arc<dyn Machine>,
    running: Box<dyn Running>,
    inode: Option<u64>,
}

/// What a listener heard.
pub struct Heard {
    /// The trace.
    pub transcript: Transcript,
    /// Messages that the kernel could not deliver.
    pub lost: bool,
}

impl Listener {
    /// Installs the table and listens. After an error the table is gone again.
    pub async fn start(machine: Arc<dyn Machine>, table: &str) -> Result<Self, MachineError> {
        let install = Command::new(["nft", "-f", "-"]).stdin(table);
        machine.run(&install).await?.success(machine.name(), &install)?;
        match Self::listen(Arc::clone(&machine)).await {
            Ok(listener) => Ok(listener),
            Err(error) => {
                remove_table(&*machine).await?;
                Err(error)
            }
        }
    }

    async fn listen(machine: Arc<dyn Machine>) -> Result<Self, MachineError> {
        let before = sockets(&*machine).await?;
        let running = machine.start(&Command::new(["nft", "monitor", "trace"])).await?;
        let mut listener = Self { machine, running, inode: None };
        let started = Instant::now();
        while listener.inode.is_none() && started.elapsed() < PATIENCE {
            let now = sockets(&*listener.machine).await?;
            listener.inode =
                now.iter().find(|socket| before.iter().all(|old| old.inode != socket.inode)).map(|socket| socket.inode);
            tokio::time::sleep(PAUSE).await;
        }
        if listener.inode.is_some() {
            return Ok(listener);
        }
        let (name, said) = (listener.machine.name().to_owned(), listener.running.stop().await?);
        Err(MachineError::Failed {
            machine: name,
            command: "nft monitor trace".to_owned(),
            status: said.status,
            stderr: String::from_utf8_lossy(&said.stderr).trim().to_owned(),
        })
    }

    /// Waits until everything is read, ends the listener and takes the table away.
    pub async fn stop(self) -> Result<Heard, MachineError> {
        let drops = self.drained().await;
        let output = self.running.stop().await;
        remove_table(&*self.machine).await?;
        let transcript = parse(&output?.text());
        let lost = transcript.lost_messages() || drops? > 0;
        Ok(Heard { transcript, lost })
    }

    /// Waits until nothing is unread, and says how many messages were lost.
    async fn drained(&self) -> Result<u64, MachineError> {
        let started = Instant::now();
        loop {
            let sockets = sockets(&*self.machine).await?;
            let ours = sockets.iter().find(|socket| Some(socket.inode) == self.inode);
            match ours {
                Some(socket) if socket.unread > 0 && started.elapsed() < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                }
                Some(socket) => return Ok(socket.drops),
                None => return Ok(0),
            }
        }
    }
}

async fn sockets(machine: &dyn Machine) -> Result<Vec<TraceSocket>, MachineError> {
    let command = Command::new(["cat", "/proc/net/netlink"]);
    Ok(trace_sockets(&machine.run(&command).await?.success(machine.name(), &command)?.text()))
}

async fn remove_table(machine: &dyn Machine) -> Result<(), MachineError> {
    let command = Command::new(["nft", "delete", "table", "inet", TRACE_TABLE]);
    machine.run(&command).await?.success(machine.name(), &command).map(|_| ())
}
