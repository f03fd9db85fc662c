//! A program under way in an instance, through `multipass exec`.
//!
//! The exit status of that command says nothing for certain: 1, 2 and 3 are the program's, or Multipass's own. So the
//! program runs in the same script as over SSH, whose marks on its streams tell how it started and ended.

use std::{process::Stdio, time::Duration};

use async_trait::async_trait;
use tokio::{io::AsyncWriteExt as _, process::Child, time::timeout};

use super::machine::Instance;
use crate::provider::{
    Command, MachineError, Output, Running,
    ssh::{CUT_OFF, Heard, Mark, Waited, kill_as_root, run_as_root, token},
};

/// How much longer than the limit is waited for the instance to say that it was over.
const GRACE: Duration = Duration::from_secs(30);

/// How long killing may take.
const KILLING: Duration = Duration::from_secs(15);

/// A program under way.
pub(super) struct Process {
    whose: Whose,
    /// None once it has come to its end: then nothing may be killed, for its number may be another's.
    under_way: Option<UnderWay>,
}

/// What there is only while it runs.
struct UnderWay {
    child: Child,
    heard: Heard,
}

/// Whose program it is.
struct Whose {
    instance: Instance,
    command: Command,
}

/// The arguments of `multipass` that run a line of shell in an instance, with nothing of this machine's folders.
pub(super) fn exec<'a>(instance: &'a str, line: &'a str) -> [&'a str; 7] {
    ["exec", instance, "--no-map-working-directory", "--", "sh", "-c", line]
}

impl Process {
    /// Starts a program as root. `limit` is kept in the instance.
    pub(super) fn launch(
        instance: &Instance,
        user: &str,
        command: &Command,
        limit: Option<Duration>,
    ) -> Result<Self, MachineError> {
        let whose = Whose { instance: instance.clone(), command: command.clone() };
        if command.argv.is_empty() || command.argv.iter().any(|word| word.contains('\0')) {
            return Err(whose.not_started("its arguments are none, or hold a zero byte".to_owned()));
        }
        let token = token();
        let (line, mut input) = run_as_root(user, &command.argv, &token, limit);
        let mut program = instance.multipass.program(&exec(&instance.id, &line));
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().map_err(|error| whose.not_started(format!("multipass: {error}")))?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(whose.not_started("multipass has no streams".to_owned()));
        };
        input.extend_from_slice(&command.stdin);
        tokio::spawn(async move {
            // A program may end without reading all of it.
            drop(stdin.write_all(&input).await);
        });
        let heard = Heard::listen(&token, stdout, stderr);
        Ok(Self { whose, under_way: Some(UnderWay { child, heard }) })
    }

    /// Waits for the program's end.
    pub(super) async fn finish(mut self, limit: Duration) -> Result<Output, MachineError> {
        let Some(under_way) = &mut self.under_way else { return Err(self.whose.lost("it has ended")) };
        if timeout(limit.saturating_add(GRACE), under_way.heard.until_complete()).await.is_err() {
            let ended = under_way.heard.has_ended();
            under_way.kill(&self.whose.instance).await;
            self.under_way = None;
            return Err(if ended { self.whose.lost(CUT_OFF) } else { self.whose.timed_out(limit) });
        }
        under_way.heard.until_silent().await;
        match self.under_way.take() {
            Some(under_way) => under_way.conclude(&self.whose).await,
            None => Err(self.whose.lost("it has ended")),
        }
    }
}

impl UnderWay {
    /// What the marks say of the end; without one it was Multipass that failed, and its status is its own.
    async fn conclude(self, whose: &Whose) -> Result<Output, MachineError> {
        let Self { mut child, heard } = self;
        let all = heard.into_whole();
        match all.end {
            Some(Mark::Ended(status)) => Ok(Output { status, stdout: all.stdout, stderr: all.said }),
            Some(Mark::Overdue) => Err(whose.timed_out(whose.command.limit)),
            Some(Mark::Refused(reason)) => Err(whose.not_started(reason)),
            Some(Mark::Started(_)) | None => {
                let said = String::from_utf8_lossy(&all.said).trim().to_owned();
                Err(unmarked(whose, &mut child, &said, all.started.is_some()).await)
            }
        }
    }

    async fn kill(&mut self, instance: &Instance) {
        let Some(process) = self.heard.killable() else { return };
        let line = kill_as_root(process);
        // A program that ended by itself cannot be killed, and that is as well.
        drop(instance.multipass.ended(&exec(&instance.id, &line), &[], KILLING).await);
    }
}

/// Why a program said nothing of its end.
async fn unmarked(whose: &Whose, child: &mut Child, said: &str, started: bool) -> MachineError {
    let ended = timeout(KILLING, child.wait()).await.ok().and_then(Result::ok);
    let how = match ended.and_then(|status| status.code()) {
        _ if started => CUT_OFF.to_owned(),
        Some(1) => "multipass did not take its arguments".to_owned(),
        Some(2) => "multipass could not run it".to_owned(),
        Some(3) => "multipass's daemon does not answer".to_owned(),
        Some(255) => "multipass has no SSH connection to the instance".to_owned(),
        Some(status) => format!("multipass ended with status {status}, and the program said nothing of itself"),
        None => "multipass was killed".to_owned(),
    };
    let reason = if said.is_empty() { how } else { format!("{how}: {said}") };
    if !started && said.contains("sudo:") { whose.not_started(reason) } else { whose.lost(reason) }
}

impl Whose {
    fn lost(&self, reason: impl Into<String>) -> MachineError {
        MachineError::Lost { machine: self.instance.name.clone(), reason: reason.into() }
    }

    fn not_started(&self, reason: impl Into<String>) -> MachineError {
        MachineError::NotStarted {
            machine: self.instance.name.clone(),
            command: self.command.display(),
            reason: reason.into(),
        }
    }

    fn timed_out(&self, limit: Duration) -> MachineError {
        MachineError::TimedOut { machine: self.instance.name.clone(), command: self.command.display(), limit }
    }
}

/// Whoever does not wait for the end does not want the program to go on.
impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut under_way) = self.under_way.take().filter(|one| !one.heard.has_ended()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let instance = self.whose.instance.clone();
        runtime.spawn(async move {
            drop(timeout(KILLING, under_way.heard.until_started()).await);
            under_way.kill(&instance).await;
        });
    }
}

#[async_trait]
impl Running for Process {
    async fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), MachineError> {
        let Some(under_way) = &mut self.under_way else { return Err(self.whose.lost("it has ended")) };
        match under_way.heard.wait_for(text, limit).await {
            Waited::Printed => Ok(()),
            Waited::Ended => Err(self.whose.not_started(format!("it ended before it printed `{text}`"))),
            Waited::Cut => {
                let (said, started) = (under_way.heard.said(), under_way.heard.started().is_some());
                Err(unmarked(&self.whose, &mut under_way.child, &said, started).await)
            }
            Waited::Overdue => Err(self.whose.timed_out(limit)),
        }
    }

    async fn stop(mut self: Box<Self>) -> Result<Output, MachineError> {
        if let Some(under_way) = &mut self.under_way {
            // Killing what has not started yet is impossible; it does so within a moment.
            under_way.heard.until_started().await;
            under_way.kill(&self.whose.instance).await;
        }
        self.finish(KILLING).await
    }
}
