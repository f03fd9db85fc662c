//! `pathlab.lock`: a run records what it used, and another insists on the same.

use std::{fs, path::PathBuf, process::Command};

use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;

use crate::{support::root, trials};

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        a_run_that_uses_the_same_is_let_through,
        another_host_is_refused_before_anything_is_made,
        another_machine_is_refused_with_its_report,
        each_run_adds_what_it_used,
        a_lab_that_is_not_as_locked_does_not_stay
    ]
}

/// The tests that run anywhere.
pub fn anywhere() -> Vec<Trial> {
    trials![a_lock_that_is_no_lock_is_told_before_anything_is_made]
}

/// One quick case of each distro.
const CASE: [&str; 4] = ["--remedy", "none", "--filter", "::node-to-service"];

/// A folder with a lock, and runs beside it.
struct Bench(TempDir);

/// How a command ended.
struct Ended {
    status: i32,
    stderr: String,
}

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn lab(&self, arguments: &[&str]) -> Ended {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.current_dir(root()).args(arguments).arg("--lock-file").arg(self.path("pathlab.lock"));
        let output = lab.env("XDG_STATE_HOME", self.path("state")).output().expect("lab starts");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        // Where the lock is differs from run to run.
        let stderr = stderr.replace(self.path("pathlab.lock").to_str().expect("UTF-8"), "LOCK");
        Ended { status: output.status.code().expect("lab ended by itself"), stderr }
    }

    /// `lab run DISTROS MORE` of one case into the folder `report`.
    fn run(&self, report: &str, arguments: &[&str]) -> Ended {
        let report = self.path(report);
        let report = ["run", "--report", report.to_str().expect("UTF-8")];
        self.lab(&[&report[..], &CASE, arguments].concat())
    }

    fn lock(&self) -> Value {
        let text = fs::read_to_string(self.path("pathlab.lock")).expect("the lock");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Changes the lock by hand.
    fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut lock = self.lock();
        change(&mut lock["labs"]["netns/dataplane"]);
        fs::write(self.path("pathlab.lock"), lock.to_string()).expect("written");
    }
}

fn a_run_that_uses_the_same_is_let_through() {
    let bench = Bench::new();
    let plain = bench.run("plain", &["rhel"]);
    assert_eq!(plain.status, 0, "{}", plain.stderr);
    assert!(!bench.path("pathlab.lock").exists(), "nobody asked for a lock");

    let recorded = bench.run("recorded", &["rhel", "ubuntu", "--lock"]);
    assert_eq!(recorded.status, 0, "{}", recorded.stderr);
    let (lock, first) = (bench.lock(), fs::read(bench.path("pathlab.lock")).expect("the lock"));
    let report = fs::read_to_string(bench.path("recorded/report.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let lab = &lock["labs"]["netns/dataplane"];
    for name in ["kernel", "nft", "iptables", "nginx", "dnsmasq"] {
        assert!(lab["host"][name].is_string(), "{name}: {lock:#}");
        assert_eq!(lab["host"][name], report["run"]["host"][name], "{name}");
    }
    assert_eq!(lab["host"]["pathlab"], env!("CARGO_PKG_VERSION"));
    let firewalld = &report["distros"][0]["machine"]["firewalld"];
    assert!(firewalld.is_string(), "{report:#}");
    assert_eq!(lab["machines"], serde_json::json!({"rhel-9.5": {"firewalld": firewalld}, "ubuntu-22.04": {}}));

    let same = bench.run("same", &["rhel", "ubuntu", "--locked"]);
    assert_eq!(same.status, 0, "{}", same.stderr);
    let again = bench.run("again", &["ubuntu", "rhel", "--lock"]);
    assert_eq!(again.status, 0, "{}", again.stderr);
    assert_eq!(fs::read(bench.path("pathlab.lock")).expect("the lock"), first, "equal contents are equal bytes");
}

fn another_host_is_refused_before_anything_is_made() {
    let bench = Bench::new();
    assert_eq!(bench.run("recorded", &["ubuntu", "--lock"]).status, 0);
    let nft = bench.lock()["labs"]["netns/dataplane"]["host"]["nft"].as_str().expect("a version").to_owned();
    bench.change(|lab| {
        lab["host"]["nft"] = "0.9.9".into();
        lab["host"]["kubernetes"] = "1.0.0".into();
    });
    let refused = bench.run("refused", &["ubuntu", "--locked"]);
    let expected = format!(
        "error: LOCK refuses this
  |   netns/dataplane: kubernetes is none, locked is 1.0.0
  |   netns/dataplane: nft is {nft}, locked is 0.9.9
  help: use what it names, or write it anew: `--lock` instead of `--locked`
"
    );
    assert_eq!((refused.status, refused.stderr), (2, expected));
    assert!(!bench.path("refused").exists(), "there is no report of a run that never was");
    // Nor was it brought up to date in secret.
    assert_eq!(bench.lock()["labs"]["netns/dataplane"]["host"]["nft"], "0.9.9");
}

fn another_machine_is_refused_with_its_report() {
    let bench = Bench::new();
    assert_eq!(bench.run("recorded", &["rhel", "--lock"]).status, 0);
    let machine = bench.lock()["labs"]["netns/dataplane"]["machines"]["rhel-9.5"].clone();
    let firewalld = machine["firewalld"].as_str().expect("a version");
    bench.change(|lab| lab["machines"]["rhel-9.5"]["firewalld"] = "0.1".into());
    let refused = bench.run("refused", &["rhel", "ubuntu", "--locked"]);
    assert_eq!(refused.status, 3, "{}", refused.stderr);
    for line in [
        format!("netns/dataplane: rhel-9.5: firewalld is {firewalld}, locked is 0.1"),
        "netns/dataplane: ubuntu-22.04: is not in it".to_owned(),
    ] {
        assert!(refused.stderr.contains(&line), "{line}: {}", refused.stderr);
    }
    assert!(bench.path("refused/report.json").exists(), "what it showed can be read");
}

fn each_run_adds_what_it_used() {
    let bench = Bench::new();
    for distro in ["rhel", "ubuntu"] {
        let ended = bench.run(distro, &[distro, "--lock"]);
        assert_eq!(ended.status, 0, "{}", ended.stderr);
    }
    let both = bench.run("both", &["rhel", "ubuntu", "--locked"]);
    assert_eq!(both.status, 0, "{}", both.stderr);
}

fn a_lab_that_is_not_as_locked_does_not_stay() {
    let bench = Bench::new();
    let up = |option: &str| bench.lab(&["up", "locked", "rhel", option]);
    let recorded = up("--lock");
    assert_eq!(recorded.status, 0, "{}", recorded.stderr);
    down(&bench, 0);
    // A run of the same kind of lab may use what a lab recorded that stayed up.
    let same = bench.run("same", &["rhel", "--locked"]);
    assert_eq!(same.status, 0, "{}", same.stderr);
    let same = up("--locked");
    assert_eq!(same.status, 0, "{}", same.stderr);
    down(&bench, 0);

    bench.change(|lab| lab["machines"]["rhel-9.5"]["firewalld"] = "0.1".into());
    let refused = up("--locked");
    assert_eq!(refused.status, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("rhel-9.5: firewalld is "), "{}", refused.stderr);
    down(&bench, 2);
    bench.change(|lab| lab["host"]["kernel"] = "2.6".into());
    let refused = up("--locked");
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("netns/dataplane: kernel is "), "{}", refused.stderr);
}

/// Ends the lab, or finds that there is none.
fn down(bench: &Bench, status: i32) {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    let output = lab.args(["down", "locked"]).env("XDG_STATE_HOME", bench.path("state")).output().expect("lab starts");
    assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
}

fn a_lock_that_is_no_lock_is_told_before_anything_is_made() {
    let bench = Bench::new();
    let refused = bench.run("refused", &["ubuntu", "--locked"]);
    let expected = "error: failed to read LOCK: entity not found
  help: `lab run --lock` writes it, and so does `lab image verify --lock`
";
    assert_eq!((refused.status, refused.stderr.as_str()), (2, expected));
    fs::write(bench.path("pathlab.lock"), "{}").expect("written");
    for option in ["--lock", "--locked"] {
        let refused = bench.run("refused", &["ubuntu", option]);
        assert_eq!(refused.status, 2, "{}", refused.stderr);
        assert!(refused.stderr.starts_with("error: failed to read LOCK: missing field"), "{}", refused.stderr);
    }
    let both = bench.run("refused", &["ubuntu", "--lock", "--locked"]);
    assert_eq!(both.status, 2, "{}", both.stderr);
    assert_eq!(fs::read_to_string(bench.path("pathlab.lock")).expect("the lock"), "{}");
    assert!(!bench.path("refused").exists());
}
