//! A program under way on a machine.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use openssh::{Child, Session, Stdio};
use tokio::{
    io::AsyncWriteExt as _,
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep, timeout},
};

use super::{
    connection::Connection,
    heard::{CUT_OFF, Heard, Waited},
    marks::Mark,
    remote::{self, As},
};
use crate::provider::{Command, MachineError, Output, Running};

/// How much longer than the limit is waited for the machine to say that it was over. OpenSSH gives up a connection
/// that is silent for 30 seconds; that must come first.
const GRACE: Duration = Duration::from_secs(45);

/// How long killing may take.
const KILLING: Duration = Duration::from_secs(10);

/// How long it is tried where sshd has no session for it.
const KILLING_ANYWAY: Duration = Duration::from_secs(60);

/// How long a program may take to start that is given up before it has.
const STARTING: Duration = Duration::from_secs(60);

/// What OpenSSH says when a command was not even looked at, as sshd still counts sessions that have ended.
const NO_SESSION: &str = "Session open refused by peer";

/// How often, and after which pause, a session is asked for again.
pub(super) const SESSION_TRIES: u32 = 50;
pub(super) const SESSION_PAUSE: Duration = Duration::from_millis(100);

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
    /// None once it has come to its end: then nothing may be killed, for its number may be another's.
    under_way: Option<UnderWay>,
}

/// What there is only while it runs.
struct UnderWay {
    connection: Arc<Connection>,
    child: Child<Arc<Session>>,
    heard: Heard,
    as_root: bool,
    _permit: OwnedSemaphorePermit,
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
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin().take(), child.stdout().take(), child.stderr().take())
        else {
            return Err(whose.lost("the session has no streams".to_owned()));
        };
        let mut input = script.into_bytes();
        input.extend_from_slice(&whose.command.stdin);
        tokio::spawn(async move {
            // A program may end without reading all of it.
            if stdin.write_all(&input).await.is_ok() {
                drop(stdin.shutdown().await);
            }
        });
        let heard = Heard::listen(&token, stdout, stderr);
        Ok(Self { whose, under_way: Some(UnderWay { connection, child, heard, as_root, _permit: permit }) })
    }

    /// Waits until the program has started or never will, but not longer than it may run; false when sshd had no session
    /// for it, and then it holds none of this connection's either.
    pub(super) async fn has_session(&mut self, limit: Option<Duration>) -> bool {
        let Some(under_way) = &mut self.under_way else { return true };
        let limit = limit.map_or(STARTING, |limit| limit.min(STARTING));
        let refused = timeout(limit, under_way.heard.until_started_or(NO_SESSION)).await.unwrap_or(false);
        if refused {
            // What OpenSSH does after it has said so, a connection of its own, is not waited for: it may take long to fail.
            self.under_way = None;
        }
        !refused
    }

    /// The error of a program for which sshd had no session however often it was asked.
    pub(super) fn no_session(&self) -> MachineError {
        self.whose.lost(
            "sshd there lets in fewer sessions on one connection than are needed at the same time; its `MaxSessions` \
             should be 10, as it is where nothing is said"
                .to_owned(),
        )
    }

    /// Waits for the program's end.
    pub(super) async fn finish(mut self, limit: Duration) -> Result<Output, MachineError> {
        let Some(under_way) = &mut self.under_way else { return Err(self.whose.lost("it has ended".to_owned())) };
        if timeout(limit + GRACE, under_way.heard.until_complete()).await.is_err() {
            // Dropping it kills the program, unless that has ended.
            let ended = under_way.heard.has_ended();
            return Err(if ended { self.whose.lost(CUT_OFF.to_owned()) } else { self.whose.timed_out(limit) });
        }
        under_way.heard.until_silent().await;
        match self.under_way.take() {
            Some(under_way) => under_way.conclude(&self.whose).await,
            None => Err(self.whose.lost("it has ended".to_owned())),
        }
    }
}

impl UnderWay {
    /// What the marks say of the end; without one the connection, or the way to root, was not there.
    async fn conclude(self, whose: &Whose) -> Result<Output, MachineError> {
        let Self { connection, child, heard, .. } = self;
        let all = heard.into_whole();
        match all.end {
            Some(Mark::Ended(status)) => {
                drop(child.disconnect().await);
                Ok(Output { status, stdout: all.stdout, stderr: all.said })
            }
            Some(Mark::Overdue) => Err(whose.timed_out(whose.command.limit)),
            Some(Mark::Refused(reason)) => Err(whose.not_started(reason)),
            Some(Mark::Started(_)) | None => {
                let said = String::from_utf8_lossy(&all.said).trim().to_owned();
                Err(unmarked(whose, &connection, &said, all.started.is_some()).await)
            }
        }
    }

    async fn kill(&mut self, user: &str) {
        let runs_as = if self.as_root { As::Root(user) } else { As::Login };
        let _permit = self.connection.kills.acquire().await;
        let end = Instant::now() + KILLING_ANYWAY;
        loop {
            let Some(process) = self.heard.killable() else { return };
            let line = remote::kill_line(runs_as, process);
            let mut command = Arc::clone(&self.connection.session).arc_raw_command(line);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            match timeout(KILLING, command.status()).await {
                Ok(Ok(_)) => return,
                // No session was free, which OpenSSH may take long to say.
                Ok(Err(openssh::Error::RemoteProcessTerminated)) | Err(_) => {}
                Ok(Err(_)) => break,
            }
            if !self.connection.is_alive() || Instant::now() >= end {
                break;
            }
            sleep(SESSION_PAUSE).await;
        }
        tracing::warn!("a program could not be killed; it ends when its time is over, or with the connection");
    }
}

/// Why a program said nothing of its end.
async fn unmarked(whose: &Whose, connection: &Connection, said: &str, started: bool) -> MachineError {
    if !started && said.contains("sudo") && connection.is_alive() {
        return whose.not_started(format!("{} cannot become root without a password: {said}", whose.user));
    }
    // The master may need a moment to notice.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let reason = if connection.is_alive() {
        let said = if said.is_empty() { said.to_owned() } else { format!(": {said}") };
        format!("{CUT_OFF}{said}")
    } else {
        connection.last_words()
    };
    whose.lost(reason)
}

#[async_trait]
impl Running for Process {
    async fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), MachineError> {
        let Some(under_way) = &mut self.under_way else { return Err(self.whose.lost("it has ended".to_owned())) };
        match under_way.heard.wait_for(text, limit).await {
            Waited::Printed => Ok(()),
            Waited::Ended => Err(self.whose.not_started(format!("it ended before it printed `{text}`"))),
            Waited::Cut => Err(self.whose.lost(under_way.heard.said())),
            Waited::Overdue => Err(self.whose.timed_out(limit)),
        }
    }

    async fn stop(mut self: Box<Self>) -> Result<Output, MachineError> {
        if let Some(under_way) = &mut self.under_way {
            // Killing what has not started yet is impossible; it does so within a moment.
            under_way.heard.until_started().await;
            under_way.kill(&self.whose.user).await;
        }
        self.finish(KILLING).await
    }
}

/// Whoever does not wait for the end does not want the program to go on.
impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut under_way) = self.under_way.take().filter(|one| !one.heard.has_ended()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let user = self.whose.user.clone();
        runtime.spawn(async move {
            drop(timeout(STARTING, under_way.heard.until_started()).await);
            under_way.kill(&user).await;
        });
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
