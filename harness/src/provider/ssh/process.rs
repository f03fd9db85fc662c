//! A program under way on a machine.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use openssh::{Child, Session, Stdio};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, timeout, timeout_at},
};

use super::{
    connection::Connection,
    marks::{Mark, Marked},
    remote::{self, As},
};
use crate::provider::{Command, MachineError, Output, Running};

/// How much longer than the limit is waited for the machine to say that it was over. OpenSSH gives up a connection
/// that is silent for 30 seconds; that must come first.
const GRACE: Duration = Duration::from_secs(45);

/// Once the program has ended, how long nothing may come before its last output is taken as complete: what it left
/// running may hold the streams open.
const SILENCE: Duration = Duration::from_secs(2);

/// How long what a program left running may go on printing before nobody listens any more.
const AFTERWARDS: Duration = Duration::from_secs(60);

/// How long killing may take.
const KILLING: Duration = Duration::from_secs(10);

/// Whose program this is, for messages.
#[derive(Clone)]
pub(super) struct Whose {
    /// Machine name.
    pub machine: String,
    /// Login user.
    pub user: String,
    /// The command.
    pub command: Command,
}

/// A program under way.
pub(super) struct Process {
    whose: Whose,
    under_way: Option<UnderWay>,
    stdout: Vec<u8>,
    marked: Marked,
    mark: Option<Mark>,
}

/// What there is only while it runs.
struct UnderWay {
    connection: Arc<Connection>,
    child: Child<Arc<Session>>,
    parts: mpsc::UnboundedReceiver<Part>,
    started: Option<u32>,
    as_root: bool,
    _permit: OwnedSemaphorePermit,
}

enum Part {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

impl Process {
    /// Starts a program. `limit` is kept on the machine.
    pub(super) async fn launch(
        connection: Arc<Connection>,
        whose: Whose,
        as_root: bool,
        limit: Option<Duration>,
    ) -> Result<Self, MachineError> {
        if whose.command.argv.is_empty() || whose.command.argv.iter().any(|word| word.contains('\0')) {
            return Err(whose.not_started("its arguments are none, or hold a zero byte".to_owned()));
        }
        let permit = Arc::clone(&connection.permits).acquire_owned().await;
        let permit = permit.map_err(|_| whose.lost("the connection is closed".to_owned()))?;
        let token = token();
        let script = remote::script(&whose.command.argv, &token, limit);
        let runs_as = if as_root { As::Root(&whose.user) } else { As::Login };
        let mut command = Arc::clone(&connection.session).arc_raw_command(remote::line(runs_as, &script));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().await.map_err(|error| whose.lost(error.to_string()))?;
        let (sender, parts) = mpsc::unbounded_channel();
        if let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin().take(), child.stdout().take(), child.stderr().take())
        {
            tokio::spawn(read(stdout, sender.clone(), Part::Stdout));
            tokio::spawn(read(stderr, sender, Part::Stderr));
            let mut input = script.into_bytes();
            input.extend_from_slice(&whose.command.stdin);
            tokio::spawn(async move {
                // A program may end without reading all of it.
                if stdin.write_all(&input).await.is_ok() {
                    drop(stdin.shutdown().await);
                }
            });
        }
        let under_way = UnderWay { connection, child, parts, started: None, as_root, _permit: permit };
        Ok(Self { whose, under_way: Some(under_way), stdout: Vec::new(), marked: Marked::new(&token), mark: None })
    }

    /// Waits for the program's end.
    pub(super) async fn finish(mut self, limit: Duration) -> Result<Output, MachineError> {
        match timeout(limit + GRACE, self.read_to_end()).await {
            Ok(()) => self.conclude().await,
            // Dropping it kills the program.
            Err(_) => Err(self.whose.timed_out(limit)),
        }
    }

    async fn read_to_end(&mut self) {
        while self.mark.is_none() && self.read_part().await {}
        let end = Instant::now() + AFTERWARDS;
        while Instant::now() < end && timeout(SILENCE, self.read_part()).await.unwrap_or(false) {}
    }

    /// Takes the next thing that came; false when nothing will come any more.
    async fn read_part(&mut self) -> bool {
        let Some(under_way) = &mut self.under_way else { return false };
        match under_way.parts.recv().await {
            None => return false,
            Some(Part::Stdout(bytes)) => self.stdout.extend(bytes),
            Some(Part::Stderr(bytes)) => {
                for mark in self.marked.push(&bytes) {
                    match mark {
                        Mark::Started(process) => under_way.started = Some(process),
                        end => self.mark = Some(end),
                    }
                }
            }
        }
        true
    }

    /// What the marks say of the end; without one the connection, or the way to root, was not there.
    async fn conclude(mut self) -> Result<Output, MachineError> {
        let under_way = self.under_way.take();
        let (marked, stdout) = (std::mem::replace(&mut self.marked, Marked::new("")), std::mem::take(&mut self.stdout));
        match self.mark.take() {
            Some(Mark::Ended(status)) => {
                if let Some(under_way) = under_way {
                    drop(under_way.child.disconnect().await);
                }
                Ok(Output { status, stdout, stderr: marked.into_said() })
            }
            Some(Mark::Overdue) => Err(self.whose.timed_out(self.whose.command.limit)),
            Some(Mark::Refused(reason)) => Err(self.whose.not_started(reason)),
            Some(Mark::Started(_)) | None => Err(self.unmarked(marked.said(), under_way).await),
        }
    }

    async fn unmarked(&self, said: &[u8], under_way: Option<UnderWay>) -> MachineError {
        let said = String::from_utf8_lossy(said).trim().to_owned();
        let Some(UnderWay { connection, started, .. }) = under_way else { return self.whose.lost(said) };
        if started.is_none() && said.contains("sudo") && connection.is_alive() {
            let user = &self.whose.user;
            return self.whose.not_started(format!("{user} cannot become root without a password: {said}"));
        }
        // The master may need a moment to notice.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let reason = if connection.is_alive() {
            let said = if said.is_empty() { said } else { format!(": {said}") };
            format!("the session ended before the program did{said}")
        } else {
            connection.last_words()
        };
        self.whose.lost(reason)
    }
}

#[async_trait]
impl Running for Process {
    async fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), MachineError> {
        let end = Instant::now() + limit;
        while !String::from_utf8_lossy(&self.stdout).contains(text) {
            match timeout_at(end, self.read_part()).await {
                Ok(true) => {}
                Ok(false) if self.mark.is_none() => {
                    return Err(self.unmarked(self.marked.said(), None).await);
                }
                Ok(false) => return Err(self.whose.not_started(format!("it ended before it printed `{text}`"))),
                Err(_) => return Err(self.whose.timed_out(limit)),
            }
        }
        Ok(())
    }

    async fn stop(mut self: Box<Self>) -> Result<Output, MachineError> {
        // Killing what has not started yet is impossible; it does so within a moment.
        while self.mark.is_none() && self.under_way.as_ref().is_some_and(|one| one.started.is_none()) {
            if !self.read_part().await {
                break;
            }
        }
        if let (None, Some(UnderWay { connection, started: Some(process), as_root, .. })) =
            (&self.mark, &self.under_way)
        {
            kill(connection, &self.whose.user, *as_root, *process).await;
        }
        self.finish(KILLING).await
    }
}

/// Whoever does not wait for the end does not want the program to go on.
impl Drop for Process {
    fn drop(&mut self) {
        let (Some(mut under_way), None) = (self.under_way.take(), &self.mark) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let user = self.whose.user.clone();
        let mut marked = std::mem::replace(&mut self.marked, Marked::new(""));
        runtime.spawn(async move {
            let end = Instant::now() + KILLING;
            while under_way.started.is_none() {
                let Ok(Some(part)) = timeout_at(end, under_way.parts.recv()).await else { return };
                let Part::Stderr(bytes) = part else { continue };
                for mark in marked.push(&bytes) {
                    match mark {
                        Mark::Started(process) => under_way.started = Some(process),
                        _ => return,
                    }
                }
            }
            if let Some(process) = under_way.started {
                kill(&under_way.connection, &user, under_way.as_root, process).await;
            }
        });
    }
}

async fn kill(connection: &Connection, user: &str, as_root: bool, process: u32) {
    let runs_as = if as_root { As::Root(user) } else { As::Login };
    let mut command = Arc::clone(&connection.session).arc_raw_command(remote::kill_line(runs_as, process));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A program that ended by itself cannot be killed, and that is as well.
    drop(timeout(KILLING, command.status()).await);
}

async fn read(mut stream: impl AsyncRead + Unpin, parts: mpsc::UnboundedSender<Part>, kind: fn(Vec<u8>) -> Part) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        if parts.send(kind(buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

/// What the output of no program holds by accident.
pub(in crate::provider) fn token() -> String {
    use ssh_key::rand_core::{OsRng, RngCore as _};
    format!("{:016x}", OsRng.next_u64())
}

impl Whose {
    pub(super) fn lost(&self, reason: String) -> MachineError {
        MachineError::Lost { machine: self.machine.clone(), reason }
    }

    fn not_started(&self, reason: String) -> MachineError {
        MachineError::NotStarted { machine: self.machine.clone(), command: self.command.display(), reason }
    }

    fn timed_out(&self, limit: Duration) -> MachineError {
        MachineError::TimedOut { machine: self.machine.clone(), command: self.command.display(), limit }
    }
}
