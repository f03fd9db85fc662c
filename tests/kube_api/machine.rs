//! The test machine as one of the lab's: only its streams and programs.

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use async_trait::async_trait;
use camino::Utf8Path;
use pathlab::provider::{Command, Machine, MachineError, Output, Running, Stream};
use tokio::{io::AsyncWriteExt as _, net::UnixStream, process, time::timeout};

/// This machine.
pub struct Here;

impl Here {
    fn file(path: &Utf8Path, reason: &std::io::Error) -> MachineError {
        MachineError::File { machine: "here".to_owned(), path: path.to_string(), reason: reason.to_string() }
    }
}

#[async_trait]
impl Machine for Here {
    fn name(&self) -> &'static str {
        "here"
    }

    async fn run(&self, command: &Command) -> Result<Output, MachineError> {
        let not_started = |error: std::io::Error| MachineError::NotStarted {
            machine: "here".to_owned(),
            command: command.display(),
            reason: error.to_string(),
        };
        let mut child = process::Command::new(&command.argv[0]);
        child.args(&command.argv[1..]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = child.stderr(std::process::Stdio::piped()).kill_on_drop(true).spawn().map_err(not_started)?;
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(&command.stdin).await.map_err(not_started)?;
        drop(stdin);
        let limit: Duration = command.limit;
        let ended = timeout(limit, child.wait_with_output()).await.map_err(|_| MachineError::TimedOut {
            machine: "here".to_owned(),
            command: command.display(),
            limit,
        })?;
        let ended = ended.map_err(not_started)?;
        Ok(Output { status: ended.status.code().unwrap_or(255), stdout: ended.stdout, stderr: ended.stderr })
    }

    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        let reason = "this machine keeps no programs for the tests".to_owned();
        Err(MachineError::NotStarted { machine: "here".to_owned(), command: command.display(), reason })
    }

    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
        std::fs::write(path, content).map_err(|error| Self::file(path, &error))?;
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, permissions).map_err(|error| Self::file(path, &error))
    }

    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        Ok(Box::new(UnixStream::connect(socket).await.map_err(|error| Self::file(socket, &error))?))
    }
}
