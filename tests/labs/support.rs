//! What the tests of labs that stay up share: a ledger of their own, and a look at what is left.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// The program.
pub const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// How long whatever ends may take to be gone.
const LIMIT: Duration = Duration::from_secs(20);

/// A user's state folder. Dropping it ends all labs in it.
pub struct Home(TempDir);

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// `lab ARGUMENTS`, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(LAB);
        command.args(arguments).current_dir(root()).env("XDG_STATE_HOME", self.path()).stdin(Stdio::null());
        command
    }

    /// Runs `lab ARGUMENTS` to its end.
    pub fn lab(&self, arguments: &[&str]) -> Ended {
        ended(&self.command(arguments).output().expect("lab starts"))
    }

    /// The same with this on standard input.
    pub fn lab_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("lab starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_vec();
        // A program need not read all of it.
        let fed = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("lab ends");
        fed.join().expect("no panic");
        ended(&output)
    }

    /// Runs `lab ARGUMENTS`, which must end with 0, and returns what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.lab(arguments);
        assert_eq!(ended.status, 0, "{arguments:?}: {ended:?}");
        ended.stdout
    }

    /// Makes a lab of one Ubuntu host, which is quick.
    pub fn up(&self, name: &str) -> String {
        self.ok(&["up", name, "ubuntu"])
    }

    /// The process number of a lab's keeper.
    pub fn keeper(&self, name: &str) -> i32 {
        let record: Value = serde_json::from_str(&self.read(name, "ledger.json").expect("a ledger")).expect("JSON");
        record["owner"]["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).expect("a number")
    }

    /// A file in a lab's folder.
    pub fn read(&self, lab: &str, file: &str) -> Option<String> {
        fs::read_to_string(self.labs().join(lab).join(file)).ok()
    }

    fn labs(&self) -> PathBuf {
        self.path().join("pathlab/labs")
    }

    /// Asserts that no file of a lab is left, and soon no process.
    pub fn is_empty(&self, when: &str) {
        let files: Vec<_> = fs::read_dir(self.labs()).into_iter().flatten().flatten().map(|file| file.path()).collect();
        assert!(files.is_empty(), "{when}: files are left: {files:?}");
        self.no_process(when);
    }

    /// Asserts that soon no process of a lab is left.
    pub fn no_process(&self, when: &str) {
        let end = Instant::now() + LIMIT;
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "{when}: processes are left: {left:?}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Processes of this user's labs, by what they have in their environment: keepers, and sandboxes with their first
    /// processes, without which nothing in them lives.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let marker = format!("XDG_STATE_HOME={}", self.path().display());
        let pids = fs::read_dir("/proc").expect("/proc").flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let ours = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|word| word == marker.as_bytes())
        };
        let words =
            |pid: u32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " ");
        pids.filter(ours).map(|pid| (pid, words(pid))).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(self.command(&["down", "--all"]).output());
        drop(self.command(&["gc"]).output());
    }
}

fn ended(output: &Output) -> Ended {
    Ended {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("harness lies in the repository").to_owned()
}

/// Sends a signal to a process of this test's own.
pub fn kill(signal: &str, pid: i32) {
    let killed = Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status();
    killed.expect("kill starts");
}

/// The text with `#` for every number that is not known before: seconds, ages, process numbers.
pub fn without_numbers(text: &str) -> String {
    let mut plain = String::new();
    let mut words = text.split_inclusive([' ', '\n']).peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_end();
        let number = bare.trim_start_matches('(');
        let unit = words.peek().is_some_and(|next| matches!(next.trim_end().trim_matches(')'), "s" | "min"));
        let keeper = plain.ends_with("(keeper ") || plain.ends_with("(process ");
        if number.starts_with(|first: char| first.is_ascii_digit()) && (unit || keeper) {
            plain.push_str(&word.replace(number.trim_end_matches(')'), "#"));
        } else {
            plain.push_str(word);
        }
    }
    plain
}
