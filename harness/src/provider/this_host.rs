//! This host as a [`Machine`]: where the harness itself runs, outside of the clusters of whole machines.

use std::{io, process::Stdio, time::Duration};

use async_trait::async_trait;
use camino::Utf8Path;
use nix::sys::{prctl, signal::Signal};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::UnixStream,
    process::{Child, ChildStdout, Command as Process},
    time::{Instant, timeout, timeout_at},
};

use super::{
    Command, Machine, MachineError, Output, Running, Stream,
    session::{Session, exit_code, kill_group, serve},
};

/// Its name, whatever its host name is.
const NAME: &str = "outside";

/// How many bytes of a session may wait for the other side.
const BUFFER: usize = 64 << 10;

/// This host. Programs run as whoever runs the harness, and end with it.
#[derive(Clone, Copy, Debug)]
pub struct ThisHost;

/// A program that goes on.
struct Started {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    printed: String,
    command: Command,
}

fn process(command: &Command) -> Process {
    let mut words = command.argv.iter();
    let mut process = Process::new(words.next().map_or("", String::as_str));
    process.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    process.process_group(0);
    // SAFETY: one system call between fork and exec. What a killed harness has started ends with it.
    unsafe {
        process.pre_exec(|| prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from));
    }
    process
}

fn not_started(command: &Command, error: &io::Error) -> MachineError {
    MachineError::NotStarted { machine: NAME.to_owned(), command: command.display(), reason: error.to_string() }
}

fn timed_out(command: &Command, limit: Duration) -> MachineError {
    MachineError::TimedOut { machine: NAME.to_owned(), command: command.display(), limit }
}

fn file(path: &Utf8Path, error: &io::Error) -> MachineError {
    MachineError::File { machine: NAME.to_owned(), path: path.to_string(), reason: error.to_string() }
}

#[async_trait]
impl Machine for ThisHost {
    fn name(&self) -> &str {
        NAME
    }

    async fn run(&self, command: &Command) -> Result<Output, MachineError> {
        let mut child = process(command).spawn().map_err(|error| not_started(command, &error))?;
        let input = child.stdin.take();
        let fed = async {
            if let Some(mut input) = input {
                // It reads no more than it needs.
                drop(input.write_all(&command.stdin).await);
            }
        };
        let ended = timeout(command.limit, async { tokio::join!(fed, child.wait_with_output()).1 }).await;
        let output = ended.map_err(|_| timed_out(command, command.limit))?;
        let output = output.map_err(|error| not_started(command, &error))?;
        Ok(Output { status: exit_code(output.status), stdout: output.stdout, stderr: output.stderr })
    }

    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        let mut child = process(command).stderr(Stdio::null()).spawn().map_err(|error| not_started(command, &error))?;
        let stdout = child.stdout.take().ok_or_else(|| not_started(command, &io::ErrorKind::BrokenPipe.into()))?;
        let lines = BufReader::new(stdout).lines();
        Ok(Box::new(Started { child, lines, printed: String::new(), command: command.clone() }))
    }

    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
        use std::os::unix::fs::PermissionsExt as _;
        let written = async {
            if let Some(folder) = path.parent() {
                tokio::fs::create_dir_all(folder).await?;
            }
            // A program that runs cannot be written to, but another can take its name.
            let new = path.with_extension("new");
            tokio::fs::write(&new, content).await?;
            tokio::fs::set_permissions(&new, std::fs::Permissions::from_mode(mode)).await?;
            tokio::fs::rename(&new, path).await
        };
        written.await.map_err(|error: io::Error| file(path, &error))
    }

    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        Ok(Box::new(UnixStream::connect(socket).await.map_err(|error| file(socket, &error))?))
    }

    async fn session(&self, session: &Session) -> Result<Box<dyn Stream>, MachineError> {
        let mut words = session.argv.iter();
        let mut program = Process::new(words.next().map_or("", String::as_str));
        program.args(words).envs(session.env.iter().map(|(name, value)| (name, value))).kill_on_drop(true);
        let (ours, mut theirs) = tokio::io::duplex(BUFFER);
        let terminal = session.terminal;
        tokio::spawn(async move {
            if let Err(error) = serve(&mut theirs, program, terminal).await {
                tracing::debug!("a session on this host ended early: {error}");
            }
        });
        Ok(Box::new(ours))
    }
}

#[async_trait]
impl Running for Started {
    async fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), MachineError> {
        let end = Instant::now() + limit;
        while !self.printed.contains(text) {
            match timeout_at(end, self.lines.next_line()).await {
                Ok(Ok(Some(line))) => {
                    self.printed.push_str(&line);
                    self.printed.push('\n');
                }
                Ok(_) => {
                    let reason = io::Error::other(format!("it ended before it printed `{text}`"));
                    return Err(not_started(&self.command, &reason));
                }
                Err(_) => return Err(timed_out(&self.command, limit)),
            }
        }
        Ok(())
    }

    async fn stop(mut self: Box<Self>) -> Result<Output, MachineError> {
        // With all that it started: what holds its output open would be waited for.
        kill_group(self.child.id(), Signal::SIGKILL);
        let mut rest = Vec::new();
        let read = self.lines.get_mut().read_to_end(&mut rest).await;
        let status = self.child.wait().await;
        let status = read.and(status).map_err(|error| not_started(&self.command, &error))?;
        let mut stdout = self.printed.into_bytes();
        stdout.extend(rest);
        Ok(Output { status: exit_code(status), stdout, stderr: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Command, Machine as _, MachineError, ThisHost};

    #[tokio::test]
    async fn programs_run_here_and_end() {
        let cat = Command::new(["sh", "-c", "cat; echo no >&2; exit 3"]).stdin("hello");
        let output = ThisHost.run(&cat).await.expect("runs");
        assert_eq!((output.status, output.text().as_str(), &*output.stderr), (3, "hello", &b"no\n"[..]));
        let slow = Command::new(["sleep", "60"]).limit(Duration::from_millis(50));
        assert!(matches!(ThisHost.run(&slow).await, Err(MachineError::TimedOut { .. })));
        let none = ThisHost.run(&Command::new(["/nonexistent/program"])).await;
        assert!(matches!(none, Err(MachineError::NotStarted { .. })));

        let mut going = ThisHost.start(&Command::new(["sh", "-c", "echo ready; sleep 60"])).await.expect("starts");
        going.wait_for("ready", Duration::from_secs(10)).await.expect("printed");
        assert_eq!(going.stop().await.expect("stops").text(), "ready\n");
    }
}
