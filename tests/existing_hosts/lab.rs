//! The command `lab` as a user of these hosts has it: an SSH configuration with their names, keys and host keys.

use std::{
    cell::Cell,
    fmt::Write as _,
    process::{Child, Command, Stdio},
    sync::Once,
};

use camino::Utf8PathBuf;
use fs_err as fs;
use serde_json::Value;

use crate::host::Host;

/// A folder of its own for what a test's `lab` keeps, and its reports.
pub struct Lab {
    pub folder: Utf8PathBuf,
    /// How many runs there were; each has a report of its own.
    runs: Cell<u32>,
}

/// How a command ended.
pub struct Ended {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Lab {
    /// For these hosts, each by its name.
    pub fn new(name: &str, hosts: &[&Host]) -> Self {
        static HOME: Once = Once::new();
        // ssh reads the home of the account, whatever the environment says.
        HOME.call_once(|| {
            sh("mkdir -p /mnt/root/upper /mnt/root/work
                mount -t overlay overlay -o lowerdir=/root,upperdir=/mnt/root/upper,workdir=/mnt/root/work /root
                rm -rf /root/.ssh; mkdir -m 700 /root/.ssh");
        });
        let (mut config, mut known) = (String::new(), String::new());
        for host in hosts {
            let (name, ip, folder) = (pathlab::provider::Machine::name(&*host.machine), host.ip, &host.folder);
            write!(config, "Host {name}\n HostName {ip}\n User root\n IdentityFile {folder}/login\n")
                .expect("a String");
            let line = fs::read_to_string(folder.join("known")).expect("written");
            let (_, key) = line.split_once(' ').expect("a name and a key");
            write!(known, "{ip} {key}").expect("a String");
        }
        fs::write("/root/.ssh/config", config).expect("written");
        fs::write("/root/.ssh/known_hosts", known).expect("written");
        let folder = Utf8PathBuf::from(format!("/mnt/labs/{name}"));
        fs::create_dir_all(&folder).expect("made");
        Self { folder, runs: Cell::new(0) }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.args(arguments).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).stdin(Stdio::null());
        command.env("XDG_STATE_HOME", self.folder.join("state")).env("NO_COLOR", "1");
        command
    }

    pub fn lab(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended { status: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// `lab run --provider ssh` with a report of its own.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.lab(&self.words(arguments))
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        let log = fs::File::create(self.folder.join("log")).expect("made").into_parts().0;
        let mut command = self.command(&self.words(arguments));
        command.stdout(log.try_clone().expect("a file")).stderr(log).spawn().expect("it starts")
    }

    fn words<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        self.runs.set(self.runs.get() + 1);
        let report = Box::leak(self.newest().into_string().into_boxed_str());
        let history = Box::leak(self.folder.join("history.db").into_string().into_boxed_str());
        [&["run", "--provider", "ssh", "--report", report, "--history", history], arguments].concat()
    }

    fn newest(&self) -> Utf8PathBuf {
        self.folder.join(format!("report-{}", self.runs.get()))
    }

    pub fn report(&self) -> Value {
        let text = fs::read_to_string(self.newest().join("report.json")).expect("a report");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The lines of the log of commands.
    pub fn commands(&self) -> String {
        fs::read_to_string(self.newest().join("commands.jsonl")).unwrap_or_default()
    }

    /// Whether a machine was told something, by the log of commands.
    pub fn told(&self, machine: &str, part: &str) -> bool {
        // The last line may be half written.
        let lines = self.commands();
        let mut lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.any(|line| line["machine"] == machine && line.to_string().contains(part))
    }
}

impl Ended {
    /// Fails unless it ended with this status and said all of that.
    pub fn said(&self, status: i32, parts: &[&str]) {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.status, status, "{all}");
        for part in parts {
            assert!(all.split_whitespace().collect::<Vec<_>>().join(" ").contains(part), "no `{part}` in:\n{all}");
        }
    }
}

pub fn sh(line: &str) {
    let status = Command::new("sh").args(["-ec", line]).status().expect("sh");
    assert!(status.success(), "{line}");
}
