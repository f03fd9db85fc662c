//! Long runs: time limits, a second interrupt, a full disk, a kill in the middle of writing.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use libtest_mimic::Trial;

use crate::{
    support::{Lab, command, wait_for_phase},
    trials,
};

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        what_takes_too_long_is_an_error_with_its_phase,
        a_second_interrupt_leaves_at_once,
        a_full_disk_damages_no_earlier_report
    ]
}

/// The tests that run anywhere.
pub fn anywhere() -> Vec<Trial> {
    trials![a_kill_while_writing_leaves_whole_files]
}

fn what_takes_too_long_is_an_error_with_its_phase() {
    let lab = Lab::run(&["ubuntu", "--remedy", "none", "--phase-timeout", "1ms"]);
    assert_eq!(lab.status(), 3, "{}", lab.said());
    let case = lab.report()["cases"][0].clone();
    assert_eq!(case["verdict"], "error", "{case}");
    assert!(case["detail"].as_str().expect("a text").ends_with("did not end within 1ms"), "{case}");
    let lab = Lab::run(&["rhel", "ubuntu", "--timeout", "300ms"]);
    assert_eq!(lab.status(), 3, "{}", lab.said());
    assert!(lab.said().contains("the run's time limit of 300ms was over"), "{}", lab.said());
}

/// The sandbox is stopped, so that ending it takes for ever: the second signal does not wait for it.
fn a_second_interrupt_leaves_at_once() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let events = dir.path().join("events");
    let mut command = command(&dir);
    command.arg("rhel").arg("--events").arg(&events).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut lab = command.spawn().expect("lab starts");
    let sandbox = wait_for_child(&lab);
    wait_for_phase(&mut lab, &events);
    signal("-STOP", sandbox);
    signal("-INT", lab.id());
    // From then on a signal ends it.
    let mut said = BufReader::new(lab.stderr.take().expect("a pipe")).lines();
    assert!(said.any(|line| line.expect("UTF-8").contains("interrupted: ending the lab")), "nothing is said");
    sleep(Duration::from_millis(500));
    assert!(lab.try_wait().expect("a child").is_none(), "it waits for the sandbox");
    signal("-INT", lab.id());
    let start = Instant::now();
    let status = lab.wait().expect("lab ends");
    assert!(start.elapsed() < Duration::from_secs(5), "at once");
    assert_eq!(status.signal(), Some(2), "{status}");
    signal("-CONT", sandbox);
    let end = Instant::now() + Duration::from_secs(10);
    while Path::new(&format!("/proc/{sandbox}/ns/pid")).exists() && !is_zombie(sandbox) {
        assert!(Instant::now() < end, "the sandbox is left");
        sleep(Duration::from_millis(20));
    }
}

/// A report on a file system without room for its pages: an error, and the earlier files as they were.
fn a_full_disk_damages_no_earlier_report() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let report = large_report(dir.path());
    let script = r#"
        set -e
        mount -t tmpfs -o size=2m tmpfs "$1/disk"
        cp "$2" "$1/disk/report.json"
        printf earlier >"$1/disk/report.html"; printf earlier >"$1/disk/junit.xml"
        sha256sum "$1"/disk/* >"$1/before"
        head -c 2097152 /dev/zero >"$1/disk/filler" 2>/dev/null || :
        status=0; "$3" report "$1/disk" >/dev/null 2>"$1/said" || status=$?
        rm "$1/disk/filler"
        sha256sum "$1"/disk/* >"$1/after"
        ls -A "$1/disk" >"$1/left"
        exit $status
    "#;
    fs::create_dir(dir.path().join("disk")).expect("a folder");
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .args([dir.path(), &report, Path::new(env!("CARGO_BIN_EXE_lab"))])
        .status()
        .expect("unshare starts");
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect(name);
    assert_eq!(status.code(), Some(3), "{}", read("said"));
    assert!(read("said").contains("No space left on device"), "{}", read("said"));
    assert_eq!(read("before"), read("after"));
    assert_eq!(read("left"), "junit.xml\nreport.html\nreport.json\n");
}

fn a_kill_while_writing_leaves_whole_files() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let report = large_report(dir.path());
    let folder = report.parent().expect("a folder");
    let render = || Command::new(env!("CARGO_BIN_EXE_lab")).arg("report").arg(folder).stdout(Stdio::null()).spawn();
    assert!(render().expect("lab starts").wait().expect("lab ends").success());
    let page = fs::read_to_string(folder.join("report.html")).expect("a page");
    let text = fs::read_to_string(&report).expect("a report");
    for delay in (0..400).step_by(16) {
        let mut lab = render().expect("lab starts");
        sleep(Duration::from_millis(delay));
        lab.kill().expect("killed");
        lab.wait().expect("lab ends");
        assert_eq!(fs::read_to_string(folder.join("report.html")).expect("a page"), page, "after {delay} ms");
        assert_eq!(fs::read_to_string(&report).expect("a report"), text, "after {delay} ms");
    }
    let left = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with('.')).collect();
    // One, rarely, of the instant between its own name and the page's.
    assert!(left.len() <= 1, "{left:?}");
}

/// A `report.json` of some hundred kilobytes below the folder.
fn large_report(dir: &Path) -> std::path::PathBuf {
    let paths = ["service", "pod-ip", "node-port", "service-dns", "ingress", "host-port"];
    let case = |(scenario, path): (usize, &&str)| {
        serde_json::json!({
            "id": format!("s{scenario}::debian-12::as-installed::pod-to-{path}"), "scenario": format!("s{scenario}"),
            "distro": "debian-12", "remedy": null, "from": "pod", "to": path, "protocol": "http", "payload": "small",
            "expected": "ok", "outcome": "timeout", "verdict": "fail", "detail": "no answer within 2 s", "tries": [],
            "duration_us": 2_000_000, "source_ip": null, "backend": null, "cause": null,
        })
    };
    let cases: Vec<_> =
        (0..200).flat_map(|scenario| paths.iter().map(move |path| (scenario, path))).map(case).collect();
    let report = serde_json::json!({
        "format": "pathlab-report/1",
        "run": {
            "id": "large", "started_at": "2026-11-01T00:00:00Z", "duration_ms": 1, "provider": "netns",
            "cluster": "dataplane", "host": { "kernel": "6.1" }, "command": ["lab", "run"],
        },
        "distros": [{
            "id": "debian-12", "verdict": "fail", "machine": { "kernel": "6.1", "declared": {} },
            "counts": { "pass": 0, "fail": 1200, "known": 0, "fixed": 0, "flaky": 0, "skipped": 0, "error": 0 },
        }],
        "cases": cases, "remedies": [], "manifests": [],
    });
    let folder = dir.join("large");
    fs::create_dir(&folder).expect("a folder");
    let file = folder.join("report.json");
    fs::write(&file, report.to_string()).expect("written");
    file
}

fn wait_for_child(lab: &Child) -> u32 {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let tasks = fs::read_dir(format!("/proc/{}/task", lab.id())).into_iter().flatten().flatten();
        let mut lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        if let Some(pid) = lists.find_map(|list| list.split_whitespace().next()?.parse().ok()) {
            return pid;
        }
        assert!(Instant::now() < end, "no sandbox");
        sleep(Duration::from_millis(5));
    }
}

fn is_zombie(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('Z'))
}

fn signal(which: &str, pid: u32) {
    assert!(Command::new("kill").args([which, &pid.to_string()]).status().expect("kill starts").success());
}
