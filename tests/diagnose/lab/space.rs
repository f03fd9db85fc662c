//! Namespaces held open by a sandbox of our own, and programs in them.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Stdio},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use camino::Utf8Path;
use pathlab::provider::{Command, Machine, MachineError, Output, Running, Stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process,
};

/// Process, user, mount and network namespaces. When it is dropped its first process ends, and all others with it.
pub struct Sandbox {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<std::process::ChildStdout>,
}

/// Makes one holder per order it reads; ends with its standard input.
const INIT: &str = r#"
mount -t tmpfs t /run && mount -t tmpfs t /var/log && ip link set lo up || exit 1
while read -r flags; do
    unshare $flags --propagation private sh -c 'ip link set lo up; echo ready; exec sleep infinity' &
    echo "holder $!"
done
"#;

/// One network namespace, with its own mounts if it is a machine.
pub struct Space {
    name: String,
    /// Process number of its holder, seen from the sandbox.
    pub inner: u32,
    outer: u32,
}

impl Sandbox {
    pub fn new() -> Self {
        let mut child = std::process::Command::new("unshare")
            .args(["-Urnmpf", "--mount-proc", "--kill-child", "sh", "-c", INIT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("stdout"));
        Self { child, orders, answers }
    }

    pub fn space(&mut self, name: &str) -> Arc<Space> {
        let orders = self.orders.as_mut().expect("orders");
        writeln!(orders, "-mn").and_then(|()| orders.flush()).expect("sandbox listens");
        let (mut inner, mut ready) = (None, false);
        while inner.is_none() || !ready {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).expect("sandbox answers") > 0, "the sandbox ended");
            match line.trim().strip_prefix("holder ") {
                Some(number) => inner = number.parse().ok(),
                None => ready = true,
            }
        }
        let inner = inner.expect("number");
        Arc::new(Space { name: name.to_owned(), inner, outer: self.outer(inner) })
    }

    /// The number, seen from here, of the process that the sandbox knows as `inner`.
    fn outer(&self, inner: u32) -> u32 {
        let init = children(self.child.id());
        let inner = inner.to_string();
        init.iter()
            .flat_map(|init| children(*init))
            .find(|child| {
                let status = std::fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
                let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
                numbers.is_some_and(|numbers| numbers.split_whitespace().next_back() == Some(&inner))
            })
            .expect("the holder's number")
    }
}

fn children(process: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Space {
    fn enter(&self, namespaces: &[&str], command: &Command) -> process::Command {
        let mut inside = process::Command::new("nsenter");
        inside.args(["-t", &self.outer.to_string(), "--preserve-credentials"]).args(namespaces).arg("--");
        inside.args(&command.argv).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        inside.kill_on_drop(true);
        inside
    }

    fn not_started(&self, command: &Command, error: &std::io::Error) -> MachineError {
        MachineError::NotStarted { machine: self.name.clone(), command: command.display(), reason: error.to_string() }
    }

    /// Runs a shell line that has to succeed.
    pub async fn sh(&self, line: &str) -> String {
        let command = Command::shell(line);
        match self.run(&command).await.and_then(|output| output.success(&self.name, &command)) {
            Ok(output) => output.text(),
            Err(error) => panic!("{error}"),
        }
    }
}

#[async_trait]
impl Machine for Space {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, MachineError> {
        let mut child = self
            .enter(&["-U", "-m", "-n", "-p"], command)
            .spawn()
            .map_err(|error| self.not_started(command, &error))?;
        let mut stdin = child.stdin.take().expect("stdin");
        stdin.write_all(&command.stdin).await.map_err(|error| self.not_started(command, &error))?;
        drop(stdin);
        let output = tokio::time::timeout(command.limit, child.wait_with_output()).await.map_err(|_| {
            MachineError::TimedOut { machine: self.name.clone(), command: command.display(), limit: command.limit }
        })?;
        let output = output.map_err(|error| self.not_started(command, &error))?;
        Ok(Output { status: output.status.code().unwrap_or(128), stdout: output.stdout, stderr: output.stderr })
    }

    /// Without its own process namespace: the program is then this process's child, and ends when told to.
    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        let child =
            self.enter(&["-U", "-m", "-n"], command).spawn().map_err(|error| self.not_started(command, &error))?;
        Ok(Box::new(Program { machine: self.name.clone(), child, heard: Vec::new() }))
    }

    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
        let line = format!("mkdir -p \"$(dirname {path})\" && cat > {path} && chmod {mode:o} {path}");
        let command = Command::shell(&line).stdin(content);
        self.run(&command).await?.success(&self.name, &command).map(|_| ())
    }

    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        Err(MachineError::File {
            machine: self.name.clone(),
            path: socket.to_string(),
            reason: "this machine has no sockets".to_owned(),
        })
    }
}

struct Program {
    machine: String,
    child: process::Child,
    heard: Vec<u8>,
}

#[async_trait]
impl Running for Program {
    async fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), MachineError> {
        let stdout = self.child.stdout.as_mut().expect("stdout");
        let heard = &mut self.heard;
        let found = tokio::time::timeout(limit, async {
            let mut buffer = [0; 4096];
            while !String::from_utf8_lossy(heard).contains(text) {
                match stdout.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => heard.extend_from_slice(&buffer[..count]),
                }
            }
        });
        let timed_out = |_| MachineError::TimedOut { machine: self.machine.clone(), command: text.to_owned(), limit };
        found.await.map_err(timed_out)
    }

    async fn stop(mut self: Box<Self>) -> Result<Output, MachineError> {
        let _ = self.child.start_kill();
        let output = self.child.wait_with_output().await.expect("output");
        let mut stdout = self.heard;
        stdout.extend(output.stdout);
        Ok(Output { status: output.status.code().unwrap_or(128), stdout, stderr: output.stderr })
    }
}
