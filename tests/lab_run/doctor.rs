//! `lab doctor` on machines that really lack something: made in namespaces of the test's own.

use std::process::{Command, Output};

use serde_json::Value;

use super::support::root;

use libtest_mimic::Trial;

use crate::trials;

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        a_machine_that_has_all_can_run,
        each_thing_that_lacks_is_named_with_its_remedy,
        a_run_that_cannot_be_says_so_before_it_makes_anything,
    ]
}

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// Runs `lab` with these arguments on a machine that a shell line has changed, and returns how it ended.
fn lab(change: &str, arguments: &str) -> Output {
    let mut machine = Command::new("unshare");
    machine.args(["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-euc"]);
    machine.arg(format!("{change}; exec '{LAB}' {arguments}")).current_dir(root());
    machine.output().expect("unshare runs")
}

/// Exit status of `lab doctor` on the changed machine, and the default provider's checks.
fn doctor(change: &str) -> (Option<i32>, Vec<Value>) {
    let output = lab(change, "doctor --format json");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), json["providers"][0]["checks"].as_array().expect("checks").clone())
}

fn missing(checks: &[Value]) -> Vec<(&str, &str)> {
    checks
        .iter()
        .filter(|check| check["status"] == "missing")
        .map(|check| (check["name"].as_str().expect("a name"), check["fix"].as_str().expect("a fix")))
        .collect()
}

fn a_machine_that_has_all_can_run() {
    let (status, checks) = doctor("true");
    assert_eq!(missing(&checks), []);
    assert_eq!(status, Some(0));
}

fn each_thing_that_lacks_is_named_with_its_remedy() {
    let cases = [
        ("mount --bind /dev/null \"$(command -v nginx)\"", "nginx", "just setup (package nginx)"),
        ("echo 0 >/proc/sys/user/max_user_namespaces", "user namespaces", "sysctl -w user.max_user_namespaces="),
        ("mount -t tmpfs tmpfs /proc/sys", "fresh /proc", "systempaths=unconfined"),
        ("mount --bind /bin/false \"$(command -v nft)\"", "nftables", "modprobe -a nf_tables"),
    ];
    for (change, name, fix) in cases {
        let (status, checks) = doctor(&format!("PATH=$PATH:/usr/sbin:/sbin; {change}"));
        let missing = missing(&checks);
        assert_eq!(status, Some(3), "{change}: {missing:?}");
        assert!(missing.iter().any(|(its, remedy)| *its == name && remedy.contains(fix)), "{change}: {missing:?}");
    }
}

fn a_run_that_cannot_be_says_so_before_it_makes_anything() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let report = dir.path().join("report");
    for (change, words) in [
        ("mount --bind /dev/null \"$(command -v nginx)\"", "just setup (package nginx)"),
        ("echo 0 >/proc/sys/user/max_user_namespaces", "user.max_user_namespaces is 0"),
    ] {
        let change = format!("PATH=$PATH:/usr/sbin:/sbin; {change}");
        let output = lab(&change, &format!("run rhel --remedy none --report '{}'", report.display()));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(!report.exists(), "a report of nothing: {said}");
    }
}
