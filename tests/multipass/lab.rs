//! `lab` with a home of its own, and what it leaves.

use std::process::{Child, Command, Stdio};

use camino::Utf8PathBuf;
use fs_err as fs;
use serde_json::Value;

use crate::stand_in::catalog;

/// A home for `lab`.
pub struct Lab {
    pub home: Utf8PathBuf,
}

/// How a command ended.
pub struct Ended {
    pub status: i32,
    pub all: String,
}

impl Lab {
    /// With a catalogue in which these hosts may stand in for RHEL, and images for it.
    pub fn new(name: &str) -> Self {
        let home = Utf8PathBuf::from(format!("/mnt/labs/{name}"));
        // Where Multipass's snap would not see it.
        fs::create_dir_all(home.join(".images")).expect("made");
        let made = Command::new("qemu-img").args(["create", "-q", "-f", "qcow2", &image(&home), "1G"]).status();
        assert!(made.expect("qemu-img").success());
        catalog::write(&home, image(&home).as_str().into()).expect("a catalogue");
        Self { home }
    }

    /// A command that makes machines, with the image for both distros.
    pub fn with_image(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        for distro in ["rhel", "ubuntu"] {
            if arguments.contains(&distro) {
                command.args(["--image", &format!("{distro}={}", image(&self.home))]);
            }
        }
        command
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        for name in ["PATHLAB_RHEL_IMAGE", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
            command.env_remove(name);
        }
        command.args(arguments).env("HOME", &self.home).env("PATHLAB_HOME", &self.home).env("NO_COLOR", "1");
        command.current_dir(&self.home).stdin(Stdio::null());
        command
    }

    pub fn start(&self, mut command: Command) -> Child {
        let log = fs::File::create(self.home.join("log")).expect("made").into_parts().0;
        command.stdout(log.try_clone().expect("a file")).stderr(log).spawn().expect("it starts")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }

    pub fn report(&self, folder: &str) -> Value {
        let text = fs::read_to_string(self.home.join(folder).join("report.json")).expect("a report");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Fails unless nothing is left of any lab: in the ledger, in Multipass, in the home folder.
    pub fn nothing_is_left(&self) {
        assert_eq!(instances(), [""; 0]);
        let labs = self.home.join(".local/state/pathlab/labs");
        let known = labs.read_dir_utf8().map_or(0, Iterator::count);
        let lent = self.home.read_dir_utf8().expect("a folder");
        let lent = lent.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().starts_with("pathlab-")));
        assert_eq!((known, lent.count()), (0, 0));
    }
}

/// The image that the stand-in takes for a system's.
fn image(home: &Utf8PathBuf) -> String {
    home.join(".images/rhel.qcow2").into_string()
}

pub fn end(mut command: Command) -> Ended {
    let output = command.output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = text(&output.stdout) + &text(&output.stderr);
    println!("{all}");
    Ended { status: output.status.code().unwrap_or(-1), all }
}

impl Ended {
    /// Fails unless it ended with this status and said all of that.
    pub fn said(&self, status: i32, parts: &[&str]) {
        assert_eq!(self.status, status, "{}", self.all);
        for part in parts {
            let all = self.all.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(all.contains(part), "no `{part}` in:\n{}", self.all);
        }
    }
}

/// Names of all instances of Multipass.
pub fn instances() -> Vec<String> {
    let output = Command::new("multipass").args(["list", "--format", "json"]).output().expect("it starts");
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let names =
        all["list"].as_array().expect("a list").iter().map(|one| one["name"].as_str().expect("a name").to_owned());
    names.collect()
}
