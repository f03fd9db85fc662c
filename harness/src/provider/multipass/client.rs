//! The `multipass` command: one call, its time limit, and what its exit status means.

use std::{process::Stdio, time::Duration};

use camino::Utf8PathBuf;
use tokio::{io::AsyncWriteExt as _, process::Command as Program, time::timeout};

use super::{
    answers::{self, InstanceInfo, ListedInstance, Versions},
    error::MultipassError,
};

/// Exit status when the daemon does not answer.
const DAEMON_FAIL: i32 = 3;

/// Exit status of a command that failed.
const COMMAND_FAIL: i32 = 2;

/// The `multipass` command.
#[derive(Clone, Debug)]
pub struct Multipass {
    program: Utf8PathBuf,
    limits: CallLimits,
}

/// How long calls may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// A question.
    pub question: Duration,
    /// Starting, stopping, snapshots, deletion.
    pub change: Duration,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { question: Duration::from_secs(60), change: Duration::from_secs(5 * 60) }
    }
}

impl Default for Multipass {
    /// The command in the search path.
    fn default() -> Self {
        Self::new("multipass")
    }
}

/// How a call ended.
pub(super) struct Ended {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Multipass {
    /// The command at that path, or of that name in the search path.
    pub fn new(program: impl Into<Utf8PathBuf>) -> Self {
        Self { program: program.into(), limits: CallLimits::default() }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: CallLimits) -> Self {
        self.limits = limits;
        self
    }

    pub(super) const fn limits(&self) -> CallLimits {
        self.limits
    }

    /// A call that is not made yet. Its working folder is `/`: Multipass would look whether this one is mounted.
    pub(super) fn program(&self, arguments: &[&str]) -> Program {
        let mut program = self.bare(arguments);
        // Ctrl-C is for the harness, which still needs Multipass to take the lab down.
        program.process_group(0);
        program
    }

    /// The same, for whoever puts it into a process group.
    pub(super) fn bare(&self, arguments: &[&str]) -> Program {
        let mut program = Program::new(&self.program);
        program.args(arguments).current_dir("/").kill_on_drop(true);
        program
    }

    /// Makes a call and waits for its end, whatever its status.
    pub(super) async fn ended(
        &self,
        arguments: &[&str],
        stdin: &[u8],
        limit: Duration,
    ) -> Result<Ended, MultipassError> {
        let mut program = self.program(arguments);
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().map_err(MultipassError::NotStarted)?;
        let input = child.stdin.take();
        let writing = async {
            if let Some(mut input) = input {
                // It may end without reading all of it, and then its status says why.
                drop(input.write_all(stdin).await);
            }
        };
        let both = async { tokio::join!(writing, child.wait_with_output()).1 };
        match timeout(limit, both).await {
            Ok(Ok(output)) => Ok(Ended {
                status: output.status.code().unwrap_or(-1),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            }),
            Ok(Err(error)) => Err(MultipassError::NotStarted(error)),
            Err(_) => Err(MultipassError::TimedOut { command: shown(arguments), limit }),
        }
    }

    /// Makes a call that must end with 0; returns its standard output.
    pub(super) async fn call(
        &self,
        arguments: &[&str],
        stdin: &[u8],
        limit: Duration,
    ) -> Result<String, MultipassError> {
        let ended = self.ended(arguments, stdin, limit).await?;
        if ended.status == 0 { Ok(ended.stdout) } else { Err(failed(arguments, &ended)) }
    }

    async fn ask<T>(
        &self,
        arguments: &[&str],
        understand: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, MultipassError> {
        let text = self.call(arguments, &[], self.limits.question).await?;
        understand(&text).map_err(|reason| MultipassError::NotUnderstood { command: shown(arguments), reason })
    }

    /// Versions of the command and of the daemon, which must answer.
    pub async fn version(&self) -> Result<Versions, MultipassError> {
        let versions = self.ask(&["version", "--format", "json"], answers::version).await?;
        if versions.multipassd.is_none() {
            return Err(MultipassError::NoDaemon(format!("multipass {} says nothing of it", versions.multipass)));
        }
        Ok(versions)
    }

    /// All instances. None of them is asked for its addresses.
    pub async fn list(&self) -> Result<Vec<ListedInstance>, MultipassError> {
        self.ask(&["list", "--no-ipv4", "--format", "json"], answers::list).await
    }

    /// What is known of an instance; none when there is none of that name.
    pub async fn info(&self, name: &str) -> Result<Option<InstanceInfo>, MultipassError> {
        let arguments = ["info", name, "--format", "json"];
        match self.ask(&arguments, |text| answers::info(text, name)).await {
            Ok(info) => Ok(Some(info)),
            Err(MultipassError::Failed { status: COMMAND_FAIL, reason, .. }) if reason.contains("does not exist") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Names of the snapshots of an instance.
    pub async fn snapshots(&self, name: &str) -> Result<Vec<String>, MultipassError> {
        self.ask(&["list", "--snapshots", "--format", "json"], |text| answers::snapshots(text, name)).await
    }
}

/// The error of a call that did not end with 0.
pub(super) fn failed(arguments: &[&str], ended: &Ended) -> MultipassError {
    let said = if ended.stderr.trim().is_empty() { &ended.stdout } else { &ended.stderr };
    let reason = said.trim().to_owned();
    if ended.status == DAEMON_FAIL {
        return MultipassError::NoDaemon(reason);
    }
    MultipassError::Failed { command: shown(arguments), status: ended.status, reason }
}

fn shown(arguments: &[&str]) -> String {
    format!("multipass {}", arguments.join(" "))
}
