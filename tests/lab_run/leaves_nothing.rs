//! Whatever dies, and whenever: nothing of a lab is left, and nothing of the host has changed.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt as _,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::support::{Lab, command, wait_for_phase};
use tempfile::TempDir;

use libtest_mimic::Trial;

use crate::trials;

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        a_finished_run_leaves_the_host_as_it_was,
        no_packet_of_a_lab_passes_an_interface_of_its_host,
        a_sandbox_has_no_interface_but_its_own,
        a_kill_at_any_moment_leaves_nothing,
        an_interrupt_ends_with_130_and_a_report_of_what_was_done,
    ]
}

/// Which of the lab's own processes is killed.
#[derive(Clone, Copy, Debug)]
enum Victim {
    /// `lab run` itself.
    Harness,
    /// The process that entered the namespaces.
    Sandbox,
    /// PID 1 of the lab.
    Init,
    /// The process that does what the harness asks.
    Supervisor,
}

fn a_finished_run_leaves_the_host_as_it_was() {
    let before = Host::look();
    let lab = Lab::run(&["rhel", "ubuntu", "--remedy", "firewalld-off"]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    assert_eq!(Host::look(), before);
}

/// The host is a network namespace of the test's own here, so that nobody else's packets are counted.
fn no_packet_of_a_lab_passes_an_interface_of_its_host() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let script = r#"
        set -e
        ip link set lo up
        sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
        ip link add uplink type veth peer name far
        ip addr add 192.0.2.77/24 dev uplink; ip link set uplink up; ip link set far up
        ip route add default via 192.0.2.1
        nft add table inet hosts_own
        nft list ruleset >"$1/rules-before"; sleep 1; cat /proc/net/dev >"$1/counters-before"
        "$2" run rhel ubuntu --remedy none --report "$1/report" >&2
        cat /proc/net/dev >"$1/counters-after"; nft list ruleset >"$1/rules-after"
    "#;
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(env!("CARGO_BIN_EXE_lab"))
        .current_dir(crate::support::root())
        .output()
        .expect("unshare starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect(name);
    assert!(read("rules-before").contains("hosts_own"));
    assert_eq!(read("rules-before"), read("rules-after"));
    assert_eq!(read("counters-before"), read("counters-after"));
}

/// A condition looks around from inside: all interfaces are the lab's own, and no route leads out of it.
fn a_sandbox_has_no_interface_but_its_own() {
    let own = r"ip -o link | awk -F': ' '{print $2}' | grep -Ev '^(lo|eth0(@.*)?|cali.*|vxlan.calico)$' && exit 1 || :";
    let route = r"ip route show default | grep -v 'via 192.0.2.1 dev eth0' && exit 1 || :";
    let dir = crate::support::copy_of_scenario("pod-ip-502", |text| {
        let lines = [own, route].map(|line| format!("'{}'", line.replace('\'', "''"))).join(", ");
        let condition =
            format!("conditions:\n  - {{ name: own interfaces only, when: after-deploy, run: [{lines}] }}\n");
        text.replacen("conditions:\n", &condition, 1)
    });
    let scenario = dir.path().join("pod-ip-502");
    let lab = Lab::run(&["ubuntu", "--remedy", "none", "-s", scenario.to_str().expect("UTF-8")]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
}

fn a_kill_at_any_moment_leaves_nothing() {
    let before = Host::look();
    for victim in [Victim::Harness, Victim::Sandbox, Victim::Init, Victim::Supervisor] {
        for after in [20, 120, 400, 1200, 2500].map(Duration::from_millis) {
            kill_one(victim, after);
        }
    }
    assert_eq!(Host::look(), before);
}

fn an_interrupt_ends_with_130_and_a_report_of_what_was_done() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let events = dir.path().join("events");
    let mut child = start_with(&dir, &temporary, &["--events", events.to_str().expect("UTF-8")]);
    wait_for_phase(&mut child, &events);
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill starts");
    assert!(interrupted.success());
    let status = child.wait().expect("lab ends");
    assert_eq!(status.code(), Some(130));
    let report = fs::read_to_string(dir.path().join("report/report.json")).expect("a report");
    assert!(report.contains("the run was interrupted"), "{report}");
    let summary = fs::read_to_string(dir.path().join("report/summary.txt")).expect("a summary");
    assert!(summary.contains("\nInterrupted: ") && !summary.contains("As expected"), "{summary}");
    let (known, folder) = (dir.path().join("known.txt"), dir.path().join("report"));
    let refused = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["baseline", "update"])
        .arg(&known)
        .arg("--from")
        .arg(folder)
        .stderr(Stdio::null())
        .status()
        .expect("lab starts");
    assert_eq!((refused.code(), known.exists()), (Some(2), false), "half a run is no baseline");
    assert_eq!(fs::read_dir(temporary.path()).expect("a folder").count(), 0, "temporary files are left");
}

fn kill_one(victim: Victim, after: Duration) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let mut child = start(&dir, &temporary);
    sleep(after);
    let mut chain = vec![child.id()];
    while let Some(next) = children(*chain.last().expect("not empty")).first().copied() {
        chain.push(next);
    }
    // Namespaces by their inodes: a process of the lab is one that lives in one of them.
    let own = namespace(std::process::id());
    let spaces: BTreeSet<u64> =
        chain.iter().filter_map(|pid| namespace(*pid)).filter(|space| Some(*space) != own).collect();
    let index = match victim {
        Victim::Harness => 0,
        Victim::Sandbox => 1,
        Victim::Init => 2,
        Victim::Supervisor => 3,
    };
    // A moment so early that the victim is not there yet: the next one up is.
    let pid = chain[index.min(chain.len() - 1)];
    let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("kill starts");
    assert!(killed.success() || child.try_wait().expect("a child").is_some());
    child.wait().expect("lab ends");
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let left: Vec<u32> =
            processes().filter(|pid| namespace(*pid).is_some_and(|space| spaces.contains(&space))).collect();
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < end, "{victim:?} after {after:?}: processes are left: {left:?}");
        sleep(Duration::from_millis(20));
    }
    let left: Vec<_> = fs::read_dir(temporary.path()).expect("a folder").flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{victim:?} after {after:?}: files are left: {left:?}");
}

fn start(dir: &TempDir, temporary: &TempDir) -> Child {
    start_with(dir, temporary, &[])
}

fn start_with(dir: &TempDir, temporary: &TempDir, arguments: &[&str]) -> Child {
    let mut lab = command(dir);
    lab.args(["rhel", "ubuntu"]).args(arguments).env("TMPDIR", temporary.path());
    lab.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("lab starts")
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("/proc");
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Children of a process, of any of its threads.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// The PID namespace of a process that has not ended.
fn namespace(pid: u32) -> Option<u64> {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ended = state.rsplit(')').next()?.trim_start().starts_with('Z');
    if ended { None } else { Some(fs::metadata(format!("/proc/{pid}/ns/pid")).ok()?.ino()) }
}

/// What a lab must not change on the host.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    interfaces: String,
    routes: String,
    mounts: String,
    ruleset: String,
}

impl Host {
    fn look() -> Self {
        Self {
            interfaces: said(&["ip", "-o", "link"]),
            routes: said(&["ip", "route", "show", "table", "all"]),
            mounts: fs::read_to_string("/proc/self/mountinfo").expect("mounts"),
            ruleset: said(&["nft", "list", "ruleset"]),
        }
    }
}

fn said(argv: &[&str]) -> String {
    // Without root `nft` may say nothing; then the kernel kept the lab from these rules as well.
    Command::new(argv[0])
        .args(&argv[1..])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}
