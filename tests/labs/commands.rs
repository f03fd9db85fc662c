//! The commands on a lab that is up, one after the other.

use std::{
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::{
    support::{Home, kill, root, without_numbers},
    trials,
};

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        a_lab_stays_until_it_is_ended,
        programs_get_their_input_and_pass_on_how_they_end,
        a_signal_reaches_the_program,
        cases_are_tests_whose_outcome_follows_the_lab,
        nextest_runs_each_case_in_a_process_of_its_own,
        a_case_is_explained_in_the_lab,
        a_remedy_is_applied_where_it_is_for_the_distro,
        a_run_can_leave_its_lab_up,
        rules_that_somebody_flushed_are_written_again,
    ]
}

const UP: &str = "\
The lab `demo` is up: 2 clusters, 12 machines (# s)
  lab status demo                 its machines
  lab shell demo rhel-9.5/node-1  a shell on one of them
  lab test demo                   its cases, once more
  lab down demo                   its end
";

const STATUS: &str = "\
NAME  STATE  PROVIDER  SCENARIO    DISTROS                 AGE
demo  up     netns     pod-ip-502  rhel-9.5, ubuntu-22.04  # s
";

const MACHINES: &str = "\
demo: netns lab, dataplane cluster, up for # s (keeper #)

MACHINE                            KIND                NODE    ADDRESS
rhel-9.5/node-1                    node                        192.0.2.11
rhel-9.5/outside                   outside                     192.0.2.1
rhel-9.5/coredns                   pod of kube-system  node-1  10.1.1.2
rhel-9.5/ingress-node-1            pod of ingress      node-1  10.1.1.3
rhel-9.5/zeus-xbr9t6ft5-5szpp      pod of default      node-1  10.1.1.4
rhel-9.5/probe-local               pod of pathlab      node-1  10.1.1.5
ubuntu-22.04/node-1                node                        192.0.2.11
";

fn a_lab_stays_until_it_is_ended() {
    let home = Home::new();
    assert_eq!(home.ok(&["status"]), "No lab is up.\n");
    assert_eq!(without_numbers(&home.ok(&["up", "demo", "rhel", "ubuntu"])), UP);
    assert_eq!(without_numbers(&home.ok(&["status"])), STATUS);
    let machines = without_numbers(&home.ok(&["status", "demo"]));
    assert!(machines.starts_with(MACHINES), "{machines}");
    let json: Value = serde_json::from_str(&home.ok(&["status", "demo", "--format", "json"])).expect("JSON");
    assert_eq!(json["state"], "up");
    assert_eq!(json["machines"].as_array().map(Vec::len), Some(12));
    assert_eq!(json["machines"][4]["name"], "rhel-9.5/zeus-xbr9t6ft5-5szpp");
    assert_eq!(json["clusters"][0], "pod-ip-502::rhel-9.5::as-installed");
    let json: Value = serde_json::from_str(&home.ok(&["status", "--format", "json"])).expect("JSON");
    assert_eq!((&json[0]["name"], &json[0]["state"]), (&"demo".into(), &"up".into()));
    assert_eq!(json[0]["resources"][0]["resource"]["kind"], "keeper");
    assert_eq!(home.ok(&["gc"]), "Nothing is left of any lab that is gone.\n");
    assert_eq!(home.ok(&["exec", "demo", "ubuntu/node-1", "--", "hostname"]), "node-1\n");
    assert_eq!(home.ok(&["down", "demo"]), "The lab `demo` is down.\n");
    home.is_empty("ended");
}

fn programs_get_their_input_and_pass_on_how_they_end() {
    let home = Home::new();
    home.up("demo");
    let script = "cat; echo err >&2; exit 7";
    let ended = home.lab_with(&["exec", "demo", "node-1", "--", "sh", "-c", script], b"in\n");
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (7, "in\n", "err\n"));
    // More than all buffers on the way hold, in both directions.
    let much: Vec<u8> = (0..=u8::MAX).cycle().map(|byte| byte & 0x7f).take(5_000_000).collect();
    let ended = home.lab_with(&["exec", "demo", "node-1", "--", "cat"], &much);
    assert_eq!((ended.status, ended.stdout.len()), (0, much.len()));
    assert!(ended.stdout.as_bytes() == much, "the bytes differ");
    // A program that reads nothing of it ends all the same.
    assert_eq!(home.lab_with(&["exec", "demo", "node-1", "--", "true"], &much).status, 0);
    let unknown = home.lab(&["exec", "demo", "node-1", "--", "no-such-program"]);
    let said =
        "error: ubuntu-22.04/node-1: failed to start `no-such-program`: No such file or directory (os error 2)\n";
    assert_eq!((unknown.status, unknown.stderr.as_str()), (127, said));
    assert_eq!(home.lab(&["exec", "demo", "node-1", "--", "/etc"]).status, 126);
    assert_eq!(home.lab(&["exec", "demo", "node-1", "--", "sh", "-c", "kill -TERM $$"]).status, 143);
    // What one command changes the next one finds, on that machine only.
    home.ok(&["exec", "demo", "node-1", "--", "touch", "/run/mark"]);
    home.ok(&["exec", "demo", "ubuntu/node-1", "--", "test", "-e", "/run/mark"]);
    assert_eq!(home.lab(&["exec", "demo", "outside", "--", "test", "-e", "/run/mark"]).status, 1);
    // Standard output that nobody reads any more ends the program.
    let pipe = format!("'{}' exec demo node-1 -- yes | head -n1", crate::support::LAB);
    let mut shell = Command::new("timeout");
    shell.args(["20", "sh", "-c", &pipe]).env("XDG_STATE_HOME", home.path()).current_dir(root());
    assert_eq!(String::from_utf8_lossy(&shell.output().expect("sh starts").stdout), "y\n");
    let left = home.ok(&["exec", "demo", "node-1", "--", "sh", "-c", "sleep 3; pgrep -x yes || echo none"]);
    assert_eq!(left, "none\n");
}

fn a_signal_reaches_the_program() {
    let home = Home::new();
    home.up("demo");
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        let mut command = home.command(&["exec", "demo", "node-1", "--", "sh", "-c", "echo ready; exec sleep 600"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("lab starts");
        let mut ready = [0; 6];
        std::io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut ready).expect("it is ready");
        kill(signal, child.id().cast_signed());
        assert_eq!(child.wait().expect("an end").code(), Some(status), "{signal}");
    }
    // Whoever is killed cannot pass anything on: the program ends with the connection.
    let mut child = home.command(&["exec", "demo", "node-1", "--", "sleep", "601"]).spawn().expect("lab starts");
    sleep(Duration::from_millis(500));
    kill("-KILL", child.id().cast_signed());
    child.wait().expect("an end");
    let left = home.ok(&["exec", "demo", "node-1", "--", "sh", "-c", "sleep 3; pgrep -fx 'sleep 601' || echo none"]);
    assert_eq!(left, "none\n");
}

const SERVICE: &str = "pod-ip-502::rhel-9.5::as-installed::pod-to-service";
const POD_IP: &str = "pod-ip-502::rhel-9.5::as-installed::pod-to-pod-ip";

fn cases_are_tests_whose_outcome_follows_the_lab() {
    let home = Home::new();
    home.ok(&["up", "demo", "rhel"]);
    let planned = home.ok(&["plan", "rhel", "--remedy", "none", "--format", "json"]);
    let listed = home.ok(&["test", "demo", "--list", "--format", "terse"]);
    let names: Vec<&str> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    assert_eq!(names.len(), 9, "{listed}");
    assert!(names.iter().all(|name| planned.contains(&format!("\"{name}\""))), "{listed}");
    let all = home.ok(&["test", "demo"]);
    assert!(all.contains("test result: ok. 9 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"), "{all}");
    let one = home.ok(&["test", "demo", "--exact", SERVICE]);
    assert!(one.contains("1 passed; 0 failed; 0 ignored; 0 measured; 8 filtered out"), "{one}");
    // A known issue that is gone is no success, and a path that broke is none either.
    let node = ["exec", "demo", "node-1", "--"];
    home.ok(&[&node[..], &["firewall-cmd", "--zone=trusted", "--add-source=10.1.0.0/16"]].concat());
    let gone = home.lab(&["test", "demo", "--exact", POD_IP]);
    assert_eq!(gone.status, 1, "{gone:?}");
    assert!(gone.stdout.contains("got ok (fixed)"), "{gone:?}");
    home.ok(&[
        &node[..],
        &["nft", "add table ip mine; add chain ip mine f { type filter hook forward priority 0; policy drop; }"],
    ]
    .concat());
    let broken = home.lab(&["test", "demo", "--exact", SERVICE]);
    assert_eq!(broken.status, 1, "{broken:?}");
    assert!(broken.stdout.contains("expected ok, got timeout (fail)"), "{broken:?}");
    assert!(broken.stdout.contains(&format!("explain with: lab explain {SERVICE} --lab demo")), "{broken:?}");
}

fn nextest_runs_each_case_in_a_process_of_its_own() {
    let home = Home::new();
    home.ok(&["up", "demo", "rhel"]);
    let mut nextest = Command::new("cargo");
    nextest.args(["nextest", "run", "--locked", "--workspace", "--test", "matrix", "--color", "never"]);
    nextest.args(["--no-fail-fast", "--status-level", "all"]);
    // Other packages, and what the outer test runner says of itself, would make cargo build again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let own = text.starts_with("CARGO") && !["CARGO_HOME", "CARGO_TARGET_DIR"].contains(&&*text);
        let of_nextest = text.starts_with("NEXTEST") || text.starts_with("__NEXTEST");
        if own || of_nextest || ["OUT_DIR", "LD_LIBRARY_PATH"].contains(&&*text) {
            nextest.env_remove(&name);
        }
    }
    nextest.env("PATHLAB_LAB", "demo").env("XDG_STATE_HOME", home.path()).current_dir(root());
    let output = nextest.output().expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("9 tests run: 9 passed, 0 skipped"), "{said}");
    assert!(said.contains(&format!("pathlab::matrix {POD_IP}")), "{said}");
}

fn a_case_is_explained_in_the_lab() {
    let home = Home::new();
    home.ok(&["up", "demo", "rhel"]);
    let text = home.ok(&["explain", POD_IP, "--lab", "demo"]);
    assert!(text.contains("Cause: firewall-reject\n"), "{text}");
    assert!(text.contains("inet firewalld filter_FWD_public: reject with icmpx admin-prohibited"), "{text}");
    let other = home.lab(&["explain", "pod-ip-502::ubuntu-22.04::as-installed::pod-to-pod-ip", "--lab", "demo"]);
    assert_eq!(other.status, 2, "{other:?}");
    // The trace's rules are gone again, and the lab is as it was.
    assert_eq!(home.lab(&["exec", "demo", "node-1", "--", "sh", "-c", "nft list tables | grep pathlab"]).status, 1);
    home.ok(&["test", "demo"]);
}

fn a_remedy_is_applied_where_it_is_for_the_distro() {
    let home = Home::new();
    home.ok(&["up", "demo", "rhel", "ubuntu", "--remedy", "trusted-source"]);
    let json: Value = serde_json::from_str(&home.ok(&["status", "demo", "--format", "json"])).expect("JSON");
    let clusters = ["pod-ip-502::rhel-9.5::trusted-source", "pod-ip-502::ubuntu-22.04::as-installed"];
    assert_eq!(json["clusters"], serde_json::json!(clusters));
    let tested = home.ok(&["test", "demo", "pod-to-pod-ip"]);
    assert!(tested.contains("test pod-ip-502::rhel-9.5::trusted-source::pod-to-pod-ip"), "{tested}");
    let none = home.lab(&["up", "other", "ubuntu", "--remedy", "trusted-source"]);
    assert_eq!(none.status, 2);
    assert!(none.stderr.starts_with("error: the remedy `trusted-source` is for none of these distros\n"), "{none:?}");
}

fn a_run_can_leave_its_lab_up() {
    let home = Home::new();
    let report = home.path().join("report");
    let report = report.to_str().expect("UTF-8");
    let run = home.lab(&["run", "rhel", "--remedy", "trusted-source", "--keep", "--report", report]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("As expected.  18 cases"), "{run:?}");
    let hint = "The lab stays up as `run-1`:\n  lab status run-1                              its machines\n";
    assert!(run.stderr.contains(hint), "{run:?}");
    let report: Value =
        serde_json::from_slice(&std::fs::read(home.path().join("report/report.json")).expect("a report"))
            .expect("JSON");
    assert_eq!(report["remedies"][0]["verdict"], "fixes", "{}", report["remedies"]);
    assert_eq!(report["remedies"][0]["survives_reload"], true);
    assert_eq!(report["causes"][0]["cause"]["kind"], "firewall-reject");
    assert_eq!(home.ok(&["exec", "run-1", "trusted-source/node-1", "--", "firewall-cmd", "--state"]), "running\n");
    assert_eq!(home.lab(&["exec", "run-1", "node-1", "--", "true"]).status, 2);
    let named = home.lab(&[
        "run",
        "ubuntu",
        "--remedy",
        "none",
        "--keep=mine",
        "--report",
        &format!("{}-2", home.path().join("r").display()),
    ]);
    assert_eq!(named.status, 0, "{named:?}");
    assert_eq!(home.ok(&["down", "--all"]), "The lab `mine` is down.\nThe lab `run-1` is down.\n");
    home.is_empty("ended");
}

fn rules_that_somebody_flushed_are_written_again() {
    let home = Home::new();
    home.up("demo");
    let service = "pod-ip-502::ubuntu-22.04::as-installed::pod-to-service";
    home.ok(&["exec", "demo", "node-1", "--", "iptables", "-t", "nat", "-F"]);
    assert_eq!(home.lab(&["test", "demo", "--exact", service]).status, 1);
    let written = (0..45).any(|_| {
        sleep(Duration::from_secs(1));
        home.lab(&["test", "demo", "--exact", service]).status == 0
    });
    assert!(written, "the proxy has not noticed within 45 seconds");
}
