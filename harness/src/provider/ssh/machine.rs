//! A machine over SSH as a [`Machine`].

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use camino::Utf8Path;
use tokio::{sync::Mutex, time::sleep};

use super::{
    connection::Connection,
    forward,
    process::{Process, SESSION_PAUSE, SESSION_TRIES, Whose},
    reach::Reach,
    session,
};
use crate::provider::{Command, Machine, MachineError, Output, Running, Stream, session::Session};

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(30);

/// What a transfer of files reaches at least, in bytes per second.
const SLOWEST_TRANSFER: u64 = 256 << 10;

/// Writes standard input to a new file beside `$1` and puts it in its place, with mode `$2`, if it has the length `$3`: a
/// connection that is cut is an end of the input like any other.
const WRITE: &str = r#"umask 077
mkdir -p -m 755 "$(dirname "$1")"
trap 'rm -f "$1.$$.new"' EXIT
cat >"$1.$$.new"
[ "$(stat -c %s "$1.$$.new")" = "$3" ] || { echo 'not all of it arrived' >&2; exit 1; }
chmod "$2" "$1.$$.new"
mv -fT "$1.$$.new" "$1""#;

/// A machine over SSH.
pub struct SshMachine {
    name: String,
    reach: Reach,
    connection: Mutex<Option<Arc<Connection>>>,
}

impl SshMachine {
    /// A machine, not connected yet.
    #[must_use]
    pub fn new(name: impl Into<String>, reach: impl Into<Reach>) -> Self {
        Self { name: name.into(), reach: reach.into(), connection: Mutex::default() }
    }

    /// Runs a program as the login user, not as root.
    pub async fn run_as_login(&self, command: &Command) -> Result<Output, MachineError> {
        self.finish(command, false).await
    }

    /// Connects now, unless it is connected.
    pub async fn connect_within(&self, limit: Duration) -> Result<(), MachineError> {
        self.connection(limit).await.map(drop)
    }

    /// Closes the connection. The next command makes another one.
    pub async fn disconnect(&self) {
        self.connection.lock().await.take();
    }

    /// The connection that there is, else a new one.
    async fn connection(&self, limit: Duration) -> Result<Arc<Connection>, MachineError> {
        let mut current = self.connection.lock().await;
        if let Some(connection) = current.as_ref().filter(|connection| connection.is_alive()) {
            return Ok(Arc::clone(connection));
        }
        *current = None;
        let lost = |reason| MachineError::Lost { machine: self.name.clone(), reason };
        let connection = Arc::new(Connection::open(&self.reach, limit).await.map_err(lost)?);
        *current = Some(Arc::clone(&connection));
        Ok(connection)
    }

    async fn launch(&self, command: &Command, as_root: bool, limit: Option<Duration>) -> Result<Process, MachineError> {
        let mut tries = 0;
        loop {
            let connection = self.connection(CONNECTING).await?;
            let (machine, user) = (self.name.clone(), self.reach.user().to_owned());
            let whose = Whose { machine, user, command: command.clone() };
            let mut process = Process::launch(connection, whose, as_root, limit).await?;
            if process.has_session(limit).await {
                return Ok(process);
            }
            tries += 1;
            if tries == SESSION_TRIES {
                return Err(process.no_session());
            }
            sleep(SESSION_PAUSE).await;
        }
    }

    async fn finish(&self, command: &Command, as_root: bool) -> Result<Output, MachineError> {
        let ended = self.launch(command, as_root, Some(command.limit)).await?.finish(command.limit).await;
        match &ended {
            Ok(output) => tracing::debug!(machine = self.name, command = command.display(), status = output.status),
            Err(error) => tracing::debug!(machine = self.name, command = command.display(), %error),
        }
        ended
    }

    fn file(&self, path: &Utf8Path, reason: impl Into<String>) -> MachineError {
        MachineError::File { machine: self.name.clone(), path: path.to_string(), reason: reason.into() }
    }
}

#[async_trait]
impl Machine for SshMachine {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, MachineError> {
        self.finish(command, true).await
    }

    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        Ok(Box::new(self.launch(command, true, None).await?))
    }

    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
        let seconds = 60 + content.len() as u64 / SLOWEST_TRANSFER;
        let command =
            Command::new(["sh", "-ec", WRITE, "sh", path.as_str(), &format!("{mode:o}"), &content.len().to_string()])
                .stdin(content)
                .limit(Duration::from_secs(seconds));
        let output = self.finish(&command, true).await?;
        if output.ok() {
            return Ok(());
        }
        Err(self.file(path, String::from_utf8_lossy(&output.stderr).trim()))
    }

    /// The socket must be one that the login user may connect to: it is sshd that connects, as that user.
    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        let output = self.finish(&forward::check(socket), false).await?;
        if !output.ok() {
            return Err(self.file(socket, output.text().trim()));
        }
        let connection = self.connection(CONNECTING).await?;
        let stream = forward::connect(&connection, socket).await;
        stream.map_err(|reason| self.file(socket, reason))
    }

    async fn session(&self, session: &Session) -> Result<Box<dyn Stream>, MachineError> {
        Ok(session::start(&self.reach, session))
    }
}
