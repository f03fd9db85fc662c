//! What the tests of the whole program share: running `lab`, reading its report.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output},
    thread::sleep,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("harness lies in the repository").to_owned()
}

/// One run of `lab`.
pub struct Lab {
    /// Where it ran; the report is in `report` below.
    pub dir: TempDir,
    /// What it said.
    pub output: Output,
}

impl Lab {
    /// Runs `lab run ARGUMENTS --report DIR/report` and waits.
    pub fn run(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let output = command(&dir).args(arguments).output().expect("lab starts");
        Self { dir, output }
    }

    /// The exit status.
    pub fn status(&self) -> i32 {
        self.output.status.code().expect("lab ended by itself")
    }

    /// `report.json`.
    pub fn report(&self) -> Value {
        let path = self.dir.path().join("report/report.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}: {}", self.said()));
        serde_json::from_str(&text).expect("JSON")
    }

    /// Outcome and verdict of a case.
    pub fn case(&self, id: &str) -> (String, String) {
        let report = self.report();
        let cases = report["cases"].as_array().expect("cases");
        let case =
            cases.iter().find(|case| case["id"] == id).unwrap_or_else(|| panic!("no case {id}: {}", self.said()));
        let text = |key: &str| case[key].as_str().expect("a text").to_owned();
        (text("outcome"), text("verdict"))
    }

    /// The entry of a remedy on a distro.
    pub fn remedy(&self, distro: &str, id: &str) -> Value {
        let report = self.report();
        let remedies = report["remedies"].as_array().expect("remedies");
        let found = remedies.iter().find(|remedy| remedy["distro"] == distro && remedy["id"] == id);
        found.unwrap_or_else(|| panic!("no remedy {id} on {distro}")).clone()
    }

    /// Everything that it printed.
    pub fn said(&self) -> String {
        format!("{}\n{}", String::from_utf8_lossy(&self.output.stdout), String::from_utf8_lossy(&self.output.stderr))
    }
}

/// `lab run --report DIR/report`, not started yet.
pub fn command(dir: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.current_dir(root()).arg("run").arg("--report").arg(dir.path().join("report"));
    // A history of its own: the user's must not hold the runs of tests.
    command.env("XDG_STATE_HOME", dir.path().join("state"));
    command
}

/// A copy of a shipped scenario in a folder of the test's own, changed by `change`.
pub fn copy_of_scenario(id: &str, change: impl Fn(String) -> String) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let to = dir.path().join(id);
    std::fs::create_dir(&to).expect("a folder");
    for entry in std::fs::read_dir(root().join("scenarios").join(id)).expect("the scenario") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
    let file = to.join("scenario.yaml");
    let text = std::fs::read_to_string(&file).expect("the scenario file");
    std::fs::write(&file, change(text)).expect("a write");
    dir
}

/// Waits until a run that writes these events is in the middle of it, whatever else is going on here.
pub fn wait_for_phase(run: &mut Child, events: &Path) {
    while !fs::read_to_string(events).is_ok_and(|events| events.contains("phase-start")) {
        assert!(run.try_wait().expect("asked").is_none(), "it ended by itself");
        sleep(Duration::from_millis(20));
    }
}
