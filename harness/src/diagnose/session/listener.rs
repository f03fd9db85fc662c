//! `nft monitor trace` on one machine, from the moment it listens to the moment it has read everything.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use super::netlink::{TraceSocket, trace_sockets};
use crate::{
    diagnose::{
        TRACE_TABLE,
        trace::{Transcript, parse},
    },
    provider::{Command, Machine, MachineError, Running},
};

/// Waits until there are more sockets that hear traces than `$1`, and shows all sockets. The machine looks itself: one
/// question over a network may take longer than all of it.
const APPEARED: &str = r#"tries=0
while [ "$(grep -cE '^[^ ]+ +12 +[0-9]+ +00000100 ' /proc/net/netlink)" -le "$1" ] && [ $tries -lt 200 ]; do
  tries=$((tries + 1))
  sleep 0.01
done
cat /proc/net/netlink"#;

/// Waits until the socket with the inode `$1` holds nothing unread and its nft, which writes to `$2`, has come to rest;
/// shows all sockets, and says [`UNFINISHED`] where that did not come. What nft has read is not written yet: at the first
/// message it asks for the whole ruleset, and while it runs, waits for a processor (`R`) or for the kernel (`D`), it is not
/// at rest.
const DRAINED: &str = r#"state() {
  row=$(grep -E " $1 *\$" /proc/net/netlink) || return 1
  set -- $row "$2"
  echo "$5 $(cut -d ' ' -f 3,14,15 "/proc/$3/stat" 2>/dev/null) $(wc -c <"${11}")"
}
tries=0 before= rests=
while [ $tries -lt 200 ] && now=$(state "$1" "$2"); do
  case $now in 0\ [!RD]*) [ "$now" != "$before" ] || { rests=yes; break; } ;; esac
  before=$now
  tries=$((tries + 1))
  sleep 0.04
done
cat /proc/net/netlink
[ -n "$rests" ] || echo unfinished"#;

/// What [`DRAINED`] says of an nft that has ended, or still reads.
const UNFINISHED: &str = "unfinished";

/// Tells apart the files of listeners on one machine.
static NEXT_FILE: AtomicU32 = AtomicU32::new(0);

/// A machine that marks and listens.
pub struct Listener {
    machine: Arc<dyn Machine>,
    running: Box<dyn Running>,
    file: String,
    inode: u64,
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
        let before = sockets(&*machine, &["cat", "/proc/net/netlink"]).await?;
        // Into a file: while a pipe is full nft reads nothing, and the kernel drops what it does not read.
        let number = NEXT_FILE.fetch_add(1, Ordering::Relaxed);
        let file = format!("/run/{TRACE_TABLE}.{}.{number}", std::process::id());
        let running = machine.start(&Command::shell(&format!("exec nft monitor trace >{file}"))).await?;
        let known = before.len().to_string();
        let now = sockets(&*machine, &["sh", "-c", APPEARED, "sh", &known]).await?;
        if let Some(own) = now.iter().find(|socket| before.iter().all(|old| old.inode != socket.inode)) {
            return Ok(Self { machine, running, file, inode: own.inode });
        }
        let said = running.stop().await?;
        machine.run(&Command::new(["rm", "-f", &file])).await?;
        Err(MachineError::Failed {
            machine: machine.name().to_owned(),
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
        let lost = transcript.lost_messages() || drops?.is_none_or(|drops| drops > 0);
        Ok(Heard { transcript, lost })
    }

    /// Waits until nothing is unread, and says how many messages were lost; none where that is not known.
    async fn drained(&self) -> Result<Option<u64>, MachineError> {
        let inode = self.inode.to_string();
        let shown = shown(&*self.machine, &["sh", "-c", DRAINED, "sh", &inode, &self.file]).await?;
        if shown.lines().last() == Some(UNFINISHED) {
            return Ok(None);
        }
        Ok(trace_sockets(&shown).iter().find(|socket| socket.inode == self.inode).map(|socket| socket.drops))
    }
}

/// The sockets that hear traces, as a command shows them.
async fn sockets(machine: &dyn Machine, command: &[&str]) -> Result<Vec<TraceSocket>, MachineError> {
    Ok(trace_sockets(&shown(machine, command).await?))
}

async fn shown(machine: &dyn Machine, command: &[&str]) -> Result<String, MachineError> {
    let command = Command::new(command.iter().copied());
    Ok(machine.run(&command).await?.success(machine.name(), &command)?.text())
}

async fn remove_table(machine: &dyn Machine) -> Result<(), MachineError> {
    let command = Command::new(["nft", "delete", "table", "inet", TRACE_TABLE]);
    machine.run(&command).await?.success(machine.name(), &command).map(|_| ())
}
