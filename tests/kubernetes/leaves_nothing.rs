//! However a run with real Kubernetes ends, nothing of it is left: processes, control groups, mounts, interfaces, files.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use libtest_mimic::Trial;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{support, trials};

pub fn trials() -> Vec<Trial> {
    trials![
        after_an_interrupt,
        after_the_harness_is_killed,
        after_the_outer_sandbox_is_killed,
        after_the_first_process_is_killed
    ]
}

/// The run's events, in its folder.
const EVENTS: &str = "events.jsonl";

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(240);

fn after_an_interrupt() {
    let mut lab = Started::new();
    lab.wait_for("kubelet");
    sleep(Duration::from_secs(3));
    lab.signal(Signal::SIGINT);
    assert_eq!(lab.end().0, 130);
    lab.leaves_nothing();
}

fn after_the_harness_is_killed() {
    let mut lab = Started::new();
    lab.wait_for("kubelet");
    sleep(Duration::from_secs(3));
    lab.signal(Signal::SIGKILL);
    lab.end();
    lab.leaves_nothing();
}

fn after_the_outer_sandbox_is_killed() {
    ends_without(1);
}

fn after_the_first_process_is_killed() {
    ends_without(3);
}

/// Kills a process of the chain harness, outer sandbox, inner sandbox, first process.
fn ends_without(index: usize) {
    let mut lab = Started::new();
    lab.wait_for("kubelet");
    sleep(Duration::from_secs(3));
    let mut chain = vec![lab.child.id()];
    while let Some(next) = children(*chain.last().expect("not empty")).first().copied() {
        chain.push(next);
    }
    kill(pid(chain[index]), Signal::SIGKILL).expect("it runs");
    assert_eq!(lab.end().0, 3);
    lab.leaves_nothing();
}

/// A run under way.
pub struct Started {
    child: Child,
    dir: TempDir,
    temporary: TempDir,
    mounts: String,
    interfaces: String,
    settings: Vec<Option<String>>,
}

impl Started {
    /// Starts the seed scenario on one distro, as installed.
    pub fn new() -> Self {
        Self::of(&["ubuntu", "--remedy", "none"])
    }

    /// Starts the seed scenario.
    pub fn of(arguments: &[&str]) -> Self {
        let (dir, temporary) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
        let (mounts, interfaces, settings) = (mounts(), interfaces(), settings());
        let output = fs::File::create(dir.path().join("said")).expect("a file");
        let mut lab = support::command(&dir);
        lab.arg("--events").arg(dir.path().join(EVENTS));
        lab.args(arguments).args(["--cluster", "kubernetes"]).env("TMPDIR", temporary.path());
        let errors = output.try_clone().expect("a second descriptor");
        let child = lab.stdout(Stdio::from(output)).stderr(Stdio::from(errors)).spawn().expect("lab starts");
        Self { child, dir, temporary, mounts, interfaces, settings }
    }

    /// The process id of a program of the lab, once it runs.
    pub fn wait_for(&mut self, program: &str) -> i32 {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(found) = Self::running(program).first() {
                return *found;
            }
            let over = self.child.try_wait().expect("a child").is_some() || Instant::now() > end;
            assert!(!over, "{program} does not run: {}", self.said());
            sleep(Duration::from_millis(50));
        }
    }

    /// The process ids of a program of the lab.
    pub fn running(program: &str) -> Vec<i32> {
        let is_it = |pid: &i32| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| program.starts_with(name.trim_end()))
        };
        Self::processes().into_iter().filter(is_it).collect()
    }

    /// Waits until a cluster is in this phase.
    pub fn wait_for_phase(&mut self, phase: &str) {
        let end = Instant::now() + LIMIT;
        let starts = |line: &str| {
            serde_json::from_str::<Value>(line)
                .is_ok_and(|event| event["event"] == "phase-start" && event["phase"] == phase)
        };
        loop {
            let events = fs::read_to_string(self.dir.path().join(EVENTS)).unwrap_or_default();
            if events.lines().any(starts) {
                return;
            }
            let over = self.child.try_wait().expect("a child").is_some() || Instant::now() > end;
            assert!(!over, "{phase} does not begin: {}", self.said());
            sleep(Duration::from_millis(20));
        }
    }

    /// Sends the harness a signal.
    pub fn signal(&self, signal: Signal) {
        kill(pid(self.child.id()), signal).expect("it runs");
    }

    /// Waits for the end: exit status (-1 for a signal) and what was said.
    pub fn end(&mut self) -> (i32, String) {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return (status.code().unwrap_or(-1), self.said());
            }
            assert!(Instant::now() < end, "the run does not end: {}", self.said());
            sleep(Duration::from_millis(50));
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.dir.path().join("said")).unwrap_or_default()
    }

    /// Checks that the host is as it was.
    pub fn leaves_nothing(&self) {
        let end = Instant::now() + Duration::from_secs(90);
        while !Self::groups().is_empty() && Instant::now() < end {
            sleep(Duration::from_millis(50));
        }
        assert_eq!(Self::groups(), Vec::<PathBuf>::new(), "control groups are left");
        assert_eq!(mounts(), self.mounts, "mounts");
        assert_eq!(interfaces(), self.interfaces, "interfaces");
        assert_eq!(settings(), self.settings, "settings of the whole machine");
        let left: Vec<_> = fs::read_dir(self.temporary.path()).expect("a folder").flatten().collect();
        assert!(left.is_empty(), "files are left: {left:?}");
    }

    /// The parent groups of labs. No other lab keeps root while this test runs: see the test groups of nextest.
    fn groups() -> Vec<PathBuf> {
        let hierarchies = fs::read_dir("/sys/fs/cgroup").expect("control groups").flatten().map(|entry| entry.path());
        let all =
            hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]).flat_map(|folder| fs::read_dir(folder).into_iter());
        let groups = all.flatten().flatten().map(|entry| entry.path());
        groups
            .filter(|path| {
                path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("pathlab-"))
            })
            .collect()
    }

    /// Processes in these groups, by their ids here.
    fn processes() -> Vec<i32> {
        let mut folders = Self::groups();
        let mut all = Vec::new();
        while let Some(folder) = folders.pop() {
            let own = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            all.extend(own.lines().filter_map(|pid| pid.parse::<i32>().ok()));
            let below = fs::read_dir(&folder).into_iter().flatten().flatten();
            folders.extend(below.filter(|entry| entry.path().is_dir()).map(|entry| entry.path()));
        }
        all
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("a process id"))
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").expect("mounts")
}

fn interfaces() -> String {
    let output = Command::new("ip").args(["-o", "link"]).output().expect("ip starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What kubelet and kube-proxy set on a machine of their own.
fn settings() -> Vec<Option<String>> {
    let names = [
        "vm/overcommit_memory",
        "kernel/panic",
        "kernel/panic_on_oops",
        "kernel/keys/root_maxkeys",
        "net/netfilter/nf_conntrack_max",
    ];
    names.iter().map(|name| fs::read_to_string(format!("/proc/sys/{name}")).ok()).collect()
}

/// Children of a process, of any of its threads.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}
