//! A program under way in an instance, through `multipass exec`.
//!
//! The exit status of that command says nothing for certain: 1, 2 and 3 are the program's, or Multipass's own. So the
//! program runs in the same script as over SSH, whose marks on standard error tell how it started and ended.

use std::{process::Stdio, time::Duration};

use async_trait::async_trait;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::Child,
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

use super::client::Multipass;
use crate::provider::{
    Command, MachineError, Output, Running,
    ssh::{Mark, Marked, kill_as_root, run_as_root, token},
};

/// How much longer than the limit is waited for the instance to say that it was over.
const GRACE: Duration = Duration::from_secs(30);

/// Once the program has ended, how long nothing may come before its output is taken as complete.
const SILENCE: Duration = Duration::from_secs(2);

/// How long killing may take.
const KILLING: Duration = Duration::from_secs(15);

/// A program under way.
pub(super) struct Process {
    multipass: Multipass,
    instance: String,
    command: Command,
    child: Option<Child>,
    parts: mpsc::UnboundedReceiver<Part>,
    stdout: Vec<u8>,
    marked: Marked,
    started: Option<u32>,
    mark: Option<Mark>,
}

enum Part {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

/// The arguments of `multipass` that run a line of shell in an instance, with nothing of this machine's folders.
pub(super) fn exec<'a>(instance: &'a str, line: &'a str) -> [&'a str; 7] {
    ["exec", instance, "--no-map-working-directory", "--", "sh", "-c", line]
}

impl Process {
    /// Starts a program as root. `limit` is kept in the instance.
    pub(super) fn launch(
        multipass: &Multipass,
        instance: &str,
        user: &str,
        command: &Command,
        limit: Option<Duration>,
    ) -> Result<Self, MachineError> {
        let not_started = |reason: String| MachineError::NotStarted {
            machine: instance.to_owned(),
            command: command.display(),
            reason,
        };
        if command.argv.is_empty() || command.argv.iter().any(|word| word.contains('\0')) {
            return Err(not_started("its arguments are none, or hold a zero byte".to_owned()));
        }
        let token = token();
        let (line, mut input) = run_as_root(user, &command.argv, &token, limit);
        let mut program = multipass.program(&exec(instance, &line));
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().map_err(|error| not_started(format!("multipass: {error}")))?;
        let (sender, parts) = mpsc::unbounded_channel();
        if let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        {
            tokio::spawn(read(stdout, sender.clone(), Part::Stdout));
            tokio::spawn(read(stderr, sender, Part::Stderr));
            input.extend_from_slice(&command.stdin);
            tokio::spawn(async move {
                // A program may end without reading all of it.
                drop(stdin.write_all(&input).await);
            });
        }
        Ok(Self {
            multipass: multipass.clone(),
            instance: instance.to_owned(),
            command: command.clone(),
            child: Some(child),
            parts,
            stdout: Vec::new(),
            marked: Marked::new(&token),
            started: None,
            mark: None,
        })
    }

    /// Waits for the program's end.
    pub(super) async fn finish(mut self, limit: Duration) -> Result<Output, MachineError> {
        if timeout(limit.saturating_add(GRACE), self.read_to_end()).await.is_ok() {
            return self.conclude().await;
        }
        self.kill().await;
        Err(self.timed_out(limit))
    }

    async fn read_to_end(&mut self) {
        while self.mark.is_none() && self.read_part().await {}
        while timeout(SILENCE, self.read_part()).await.unwrap_or(false) {}
    }

    /// Takes the next thing that came; false when nothing will come any more.
    async fn read_part(&mut self) -> bool {
        match self.parts.recv().await {
            None => return false,
            Some(Part::Stdout(bytes)) => self.stdout.extend(bytes),
            Some(Part::Stderr(bytes)) => {
                for mark in self.marked.push(&bytes) {
                    match mark {
                        Mark::Started(process) => self.started = Some(process),
                        end => self.mark = Some(end),
                    }
                }
            }
        }
        true
    }

    /// What the marks say of the end; without one it was Multipass that failed, and its status is its own.
    async fn conclude(&mut self) -> Result<Output, MachineError> {
        match self.mark.take() {
            Some(Mark::Ended(status)) => {
                let marked = std::mem::replace(&mut self.marked, Marked::new(""));
                Ok(Output { status, stdout: std::mem::take(&mut self.stdout), stderr: marked.into_said() })
            }
            Some(Mark::Overdue) => Err(self.timed_out(self.command.limit)),
            Some(Mark::Refused(reason)) => Err(self.not_started(reason)),
            Some(Mark::Started(_)) | None => Err(self.unmarked().await),
        }
    }

    async fn unmarked(&mut self) -> MachineError {
        let ended = match &mut self.child {
            Some(child) => timeout(KILLING, child.wait()).await.ok().and_then(Result::ok),
            None => None,
        };
        let status = ended.and_then(|status| status.code());
        let said = String::from_utf8_lossy(self.marked.said()).trim().to_owned();
        let how = match status {
            _ if self.started.is_some() => "the session ended before the program did".to_owned(),
            Some(1) => "multipass did not take its arguments".to_owned(),
            Some(2) => "multipass could not run it".to_owned(),
            Some(3) => "multipass's daemon does not answer".to_owned(),
            Some(255) => "multipass has no SSH connection to the instance".to_owned(),
            Some(status) => format!("multipass ended with status {status}, and the program said nothing of itself"),
            None => "multipass was killed".to_owned(),
        };
        let reason = if said.is_empty() { how } else { format!("{how}: {said}") };
        if said.contains("sudo:") {
            return self.not_started(reason);
        }
        MachineError::Lost { machine: self.instance.clone(), reason }
    }

    fn not_started(&self, reason: String) -> MachineError {
        MachineError::NotStarted { machine: self.instance.clone(), command: self.command.display(), reason }
    }

    fn timed_out(&self, limit: Duration) -> MachineError {
        MachineError::TimedOut { machine: self.instance.clone(), command: self.command.display(), limit }
    }

    async fn kill(&self) {
        if let (None, Some(process)) = (&self.mark, self.started) {
            kill(&self.multipass, &self.instance, process).await;
        }
    }
}

/// Whoever does not wait for the end does not want the program to go on.
impl Drop for Process {
    fn drop(&mut self) {
        let (None, Some(process)) = (&self.mark, self.started) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (multipass, instance) = (self.multipass.clone(), self.instance.clone());
        runtime.spawn(async move { kill(&multipass, &instance, process).await });
    }
}

async fn kill(multipass: &Multipass, instance: &str, process: u32) {
    let line = kill_as_root(process);
    // A program that ended by itself cannot be killed, and that is as well.
    drop(multipass.ended(&exec(instance, &line), &[], KILLING).await);
}

async fn read(mut stream: impl AsyncRead + Unpin, parts: mpsc::UnboundedSender<Part>, kind: fn(Vec<u8>) -> Part) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        if parts.send(kind(buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

#[async_trait]
impl Running for Process {
    async fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), MachineError> {
        let end = Instant::now() + limit;
        while !String::from_utf8_lossy(&self.stdout).contains(text) {
            match timeout_at(end, self.read_part()).await {
                Ok(true) => {}
                Ok(false) if self.mark.is_none() => return Err(self.unmarked().await),
                Ok(false) => return Err(self.not_started(format!("it ended before it printed `{text}`"))),
                Err(_) => return Err(self.timed_out(limit)),
            }
        }
        Ok(())
    }

    async fn stop(mut self: Box<Self>) -> Result<Output, MachineError> {
        // Killing what has not started yet is impossible; it does so within a moment.
        while self.mark.is_none() && self.started.is_none() && self.read_part().await {}
        self.kill().await;
        match timeout(KILLING, self.read_to_end()).await {
            Ok(()) => self.conclude().await,
            Err(_) => Err(self.timed_out(KILLING)),
        }
    }
}
