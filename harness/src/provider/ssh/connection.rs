//! One connection to a machine: the multiplexing master of OpenSSH, as a child process of the harness.
//!
//! The master ends with the harness, even if that is killed: no connection outlives a run. The crate's own way of
//! starting it would leave it behind.

use std::{collections::HashMap, io, process::Stdio, sync::Arc, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::{prctl, signal::Signal};
use openssh::Session;
use tokio::{
    process::{Child, Command},
    sync::{Mutex, Semaphore},
    time::{Instant, sleep},
};

use super::{folder::Folder, reach::Reach};

/// Commands at the same time on one connection: sshd's default for `MaxSessions` is 10; killing needs some, and one
/// that has ended may still be counted.
pub(super) const SESSIONS: usize = 7;

/// Programs that are killed at the same time.
const KILLS: usize = 2;

/// Time between two looks whether the connection is there.
const PAUSE: Duration = Duration::from_millis(10);

/// A connection.
pub(super) struct Connection {
    /// The crate's view of it.
    pub session: Arc<Session>,
    /// One permit per command that may run at the same time.
    pub permits: Arc<Semaphore>,
    /// One permit per program that may be killed at the same time: sshd refuses a session too many, and nobody would
    /// hear of it.
    pub kills: Semaphore,
    /// Sockets here, by the socket's path on the machine.
    pub forwards: Mutex<HashMap<Utf8PathBuf, Utf8PathBuf>>,
    master: std::sync::Mutex<Child>,
    reach: Reach,
    // Last, so that it outlives what uses it.
    folder: Folder,
}

impl Connection {
    /// Connects; the error is what OpenSSH said.
    pub(super) async fn open(reach: &Reach, limit: Duration) -> Result<Self, String> {
        let folder = Folder::new().map_err(|error| format!("failed to make a folder for the connection: {error}"))?;
        let socket = folder.path().join("master");
        let log = folder.path().join("log");
        let mut command = Command::new("ssh");
        command.args(["-M", "-N"]).arg("-S").arg(&socket).arg("-E").arg(&log);
        command.args(reach.arguments(limit.as_secs()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        // Ctrl-C is for the harness, which still needs its machines to take the lab down.
        command.process_group(0);
        // SAFETY: one system call between fork and exec.
        unsafe {
            command.pre_exec(|| prctl::set_pdeathsig(Signal::SIGTERM).map_err(io::Error::from));
        }
        let mut master = command.spawn().map_err(|error| format!("failed to start ssh: {error}"))?;
        let end = Instant::now() + limit;
        while !socket.exists() {
            let ended = master.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() {
                return Err(reach.explained(&read(&log)));
            }
            if Instant::now() > end {
                return Err(format!("no connection within {limit:?}"));
            }
            sleep(PAUSE).await;
        }
        Ok(Self {
            session: Arc::new(Session::resume(socket.into_boxed_path(), Some(log.into_boxed_path()))),
            permits: Arc::new(Semaphore::new(SESSIONS)),
            kills: Semaphore::new(KILLS),
            forwards: Mutex::default(),
            master: std::sync::Mutex::new(master),
            reach: reach.clone(),
            folder,
        })
    }

    /// Whether the master still runs.
    pub(super) fn is_alive(&self) -> bool {
        let mut master = self.master.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        matches!(master.try_wait(), Ok(None))
    }

    /// Why the connection ended, as OpenSSH says it.
    pub(super) fn last_words(&self) -> String {
        self.reach.explained(&read(&self.folder.path().join("log")))
    }

    /// A path for a socket of its own.
    pub(super) fn local_socket(&self, number: usize) -> Option<Utf8PathBuf> {
        Some(Utf8Path::from_path(self.folder.path())?.join(format!("s{number}")))
    }
}

fn read(log: &std::path::Path) -> String {
    fs_err::read_to_string(log).unwrap_or_default()
}
