//! The log of all that is done on machines: when, where, what, for how long, how it ended, and what it said when it
//! failed. JSON lines. What goes in by standard input and into files is not in it, and secrets are taken out.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use camino::Utf8Path;
use jiff::Timestamp;
use serde::Serialize;

use super::{Command, Machine, MachineError, Output, Running, Stream, session::Session};

/// How much of what a program read may be looked for in what it said: more is no secret, but a file.
const READ: usize = 4096;

/// How much of what a failing command said is kept, in characters.
const SAID: usize = 4000;

/// The log. Several machines write to one.
pub struct CommandLog {
    to: Mutex<Box<dyn Write + Send>>,
    redact: fn(&str) -> String,
}

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    at: Timestamp,
    machine: &'a str,
    #[serde(flatten)]
    what: What<'a>,
    milliseconds: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum What<'a> {
    Command(String),
    Started(String),
    Written(&'a str),
}

impl CommandLog {
    /// Its usual name.
    pub const FILE: &str = "commands.jsonl";

    /// A log that is written to `to`. `redact` takes the secrets out of a text.
    pub fn new(to: impl Write + Send + 'static, redact: fn(&str) -> String) -> Arc<Self> {
        Arc::new(Self { to: Mutex::new(Box::new(to)), redact })
    }

    /// A log in a file, behind what is there already.
    pub fn to_file(path: &Utf8Path, redact: fn(&str) -> String) -> io::Result<Arc<Self>> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self::new(file, redact))
    }

    /// Writes down a command that was run beside the machine's own log.
    pub(super) fn ran(
        &self,
        began: (Timestamp, Instant),
        machine: &str,
        command: &Command,
        ended: &Result<Output, MachineError>,
    ) {
        let (status, failure) = match ended {
            Ok(output) => (Some(output.status), said(output)),
            Err(error) => (None, Some(error.to_string())),
        };
        let failure = failure.map(|text| without_read(&text, &command.stdin));
        self.write(began, machine, What::Command(command.display()), status, failure);
    }

    fn write(
        &self,
        began: (Timestamp, Instant),
        machine: &str,
        what: What<'_>,
        status: Option<i32>,
        failure: Option<String>,
    ) {
        let what = match what {
            What::Command(line) => What::Command((self.redact)(&line)),
            What::Started(line) => What::Started((self.redact)(&line)),
            What::Written(path) => What::Written(path),
        };
        let failure = failure.map(|text| (self.redact)(&text));
        let milliseconds = began.1.elapsed().as_millis();
        let line = Line { at: began.0, machine, what, milliseconds, status, failure };
        let Ok(mut text) = serde_json::to_string(&line) else { return };
        text.push('\n');
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
            tracing::warn!("failed to write the log of commands: {error}");
        }
    }
}

/// A machine whose commands are logged.
pub struct Logged {
    machine: Arc<dyn Machine>,
    log: Arc<CommandLog>,
}

impl Logged {
    /// The machine, with all that is done on it written to the log.
    #[must_use]
    pub fn new(machine: Arc<dyn Machine>, log: Arc<CommandLog>) -> Self {
        Self { machine, log }
    }
}

pub(super) fn now() -> (Timestamp, Instant) {
    (Timestamp::now(), Instant::now())
}

/// Takes out what a program read, which may be a key that it does not accept.
fn without_read(said: &str, read: &[u8]) -> String {
    match str::from_utf8(read).map(str::trim) {
        Ok(read) if !read.is_empty() && read.len() <= READ => said.replace(read, "[redacted]"),
        _ => said.to_owned(),
    }
}

/// What a failing command said, shortened.
fn said(output: &Output) -> Option<String> {
    if output.ok() {
        return None;
    }
    let text =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned()).join("\n");
    let text = text.trim();
    let skipped = text.chars().count().saturating_sub(SAID);
    Some(text.chars().skip(skipped).collect())
}

#[async_trait]
impl Machine for Logged {
    fn name(&self) -> &str {
        self.machine.name()
    }

    async fn run(&self, command: &Command) -> Result<Output, MachineError> {
        let began = now();
        let ended = self.machine.run(command).await;
        self.log.ran(began, self.name(), command, &ended);
        ended
    }

    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        let began = now();
        let started = self.machine.start(command).await;
        let failure = started.as_ref().err().map(ToString::to_string);
        self.log.write(began, self.name(), What::Started(command.display()), None, failure);
        started.map(|running| {
            let (machine, log, line) = (self.name().to_owned(), Arc::clone(&self.log), command.display());
            Box::new(LoggedRunning { running, machine, log, line }) as Box<dyn Running>
        })
    }

    async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
        let began = now();
        let written = self.machine.write_file(path, content, mode).await;
        let failure = written.as_ref().err().map(ToString::to_string);
        self.log.write(began, self.name(), What::Written(path.as_str()), None, failure);
        written
    }

    async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        self.machine.connect(socket).await
    }

    async fn session(&self, session: &Session) -> Result<Box<dyn Stream>, MachineError> {
        let began = now();
        let opened = self.machine.session(session).await;
        let failure = opened.as_ref().err().map(ToString::to_string);
        self.log.write(began, self.name(), What::Started(session.argv.join(" ")), None, failure);
        opened
    }
}

/// A program that goes on, whose end is logged.
struct LoggedRunning {
    running: Box<dyn Running>,
    machine: String,
    log: Arc<CommandLog>,
    line: String,
}

#[async_trait]
impl Running for LoggedRunning {
    async fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), MachineError> {
        self.running.wait_for(text, limit).await
    }

    async fn stop(self: Box<Self>) -> Result<Output, MachineError> {
        let began = now();
        let ended = self.running.stop().await;
        let (status, failure) = match &ended {
            Ok(output) => (Some(output.status), None),
            Err(error) => (None, Some(error.to_string())),
        };
        self.log.write(began, &self.machine, What::Command(self.line), status, failure);
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
        time::Duration,
    };

    use async_trait::async_trait;
    use camino::Utf8Path;

    use super::{CommandLog, Logged};
    use crate::provider::{Command, Machine, MachineError, Output, Running, Stream};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// `false` fails, `hang` takes too long, everything else ends well.
    struct Scripted;

    #[async_trait]
    impl Machine for Scripted {
        fn name(&self) -> &'static str {
            "rhel"
        }

        async fn run(&self, command: &Command) -> Result<Output, MachineError> {
            match command.argv[0].as_str() {
                "false" => Ok(Output {
                    status: 7,
                    stdout: [b"half\n", command.stdin.as_slice()].concat(),
                    stderr: b"password=hunter2 is wrong\n".to_vec(),
                }),
                "hang" => {
                    let (machine, command) = ("rhel".to_owned(), command.display());
                    Err(MachineError::TimedOut { machine, command, limit: Duration::from_secs(3) })
                }
                _ => Ok(Output { stdout: b"a secret answer".to_vec(), ..Output::default() }),
            }
        }

        async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
            let (machine, command) = ("rhel".to_owned(), command.display());
            Err(MachineError::NotStarted { machine, command, reason: "no such program".to_owned() })
        }

        async fn write_file(&self, _: &Utf8Path, _: &[u8], _: u32) -> Result<(), MachineError> {
            Ok(())
        }

        async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
            let (machine, reason) = ("rhel".to_owned(), "none".to_owned());
            Err(MachineError::File { machine, path: socket.to_string(), reason })
        }
    }

    #[tokio::test]
    async fn every_command_has_its_line_and_secrets_have_none() {
        let shared = Shared::default();
        let log = CommandLog::new(shared.clone(), |text| text.replace("hunter2", "[redacted]"));
        let machine = Logged::new(Arc::new(Scripted), log);
        let input = Command::new(["tool", "--password=hunter2"]).stdin("hunter3");
        machine.run(&input).await.expect("ends well");
        machine.run(&Command::new(["false"]).stdin("hunter3\n")).await.expect("ends");
        machine.run(&Command::new(["hang"])).await.expect_err("too long");
        machine.start(&Command::new(["serve"])).await.err().expect("not there");
        machine.write_file("/etc/key".into(), b"hunter3", 0o600).await.expect("written");
        let text = String::from_utf8(shared.0.lock().expect("not poisoned").clone()).expect("UTF-8");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 5);
        assert_eq!((&lines[0]["command"], &lines[0]["status"]), (&"tool --password=[redacted]".into(), &0.into()));
        assert!(lines[0].get("failure").is_none(), "{}", lines[0]);
        assert_eq!(
            (&lines[1]["status"], &lines[1]["failure"]),
            (&7.into(), &"half\n[redacted]\npassword=[redacted] is wrong".into())
        );
        assert!(lines[2].get("status").is_none() && lines[2]["failure"].to_string().contains("did not end within 3s"));
        assert_eq!((&lines[3]["started"], &lines[4]["written"]), (&"serve".into(), &"/etc/key".into()));
        assert!(lines.iter().all(|line| line["machine"] == "rhel" && line["at"].is_string()));
        assert!(!text.contains("hunter") && !text.contains("secret answer"), "{text}");
    }
}
