//! `nft monitor trace` on one machine, from the moment it listens to the moment it has read everything.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
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

/// Tells apart the files of listeners on one machine.
static NEXT_FILE: AtomicU32 = AtomicU32::new(0);

/// A machine that marks and listens.
pub struct Listener {
    machine: Arc<dyn Machine>,
    running: Box<dyn Running>,
    file: String,
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
        // Into a file: while a pipe is full nft reads nothing, and the kernel drops what it does not read.
        let number = NEXT_FILE.fetch_add(1, Ordering::Relaxed);
        let file = format!("/run/{TRACE_TABLE}.{}.{number}", std::process::id());
        let running = machine.start(&Command::shell(&format!("exec nft monitor trace >{file}"))).await?;
        let mut listener = Self { machine, running, file, inode: None };
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
        let stopped = self.running.stop().await;
        remove_table(&*self.machine).await?;
        let said = String::from_utf8_lossy(&stopped?.stderr).into_owned();
        let read = Command::shell(&format!("cat {0}; rm -f {0}", self.file));
        let text = self.machine.run(&read).await?.success(self.machine.name(), &read)?.text();
        let transcript = parse(&(text + &said));
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
