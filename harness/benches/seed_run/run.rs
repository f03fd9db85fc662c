//! One run of `lab`, measured: wall time, memory of its own processes, and what its report says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::LAB;

/// What one run took and did.
pub struct Run {
    /// From start to end of the program.
    pub wall: Duration,
    /// The most memory that the harness held at one moment, in bytes: all of its processes, programs that it
    /// runs in the lab (firewalld, nginx, agents) not counted. Memory that processes share is counted once.
    pub memory: u64,
    /// `report.json`.
    pub report: Value,
}

impl Run {
    /// Runs `lab run ARGUMENTS`, which must end as expected.
    pub fn of(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (said, folder) = (dir.path().join("said"), dir.path().join("report"));
        let said_file = fs::File::create(&said).expect("a file");
        let mut lab = Command::new(LAB);
        lab.args(["run", "--no-history"]).args(arguments).arg("--report").arg(&folder).stdin(Stdio::null());
        lab.stdout(said_file.try_clone().expect("a second handle")).stderr(said_file);
        let start = Instant::now();
        let mut lab = lab.spawn().expect("lab runs");
        let (root, ended) = (lab.id(), AtomicBool::new(false));
        let (status, wall, memory) = thread::scope(|scope| {
            let watch = scope.spawn(|| most_memory(root, Path::new(LAB), &ended));
            let status = lab.wait().expect("a child of this process");
            let wall = start.elapsed();
            ended.store(true, Ordering::Relaxed);
            (status, wall, watch.join().expect("the watch ends"))
        });
        let said = fs::read_to_string(said).unwrap_or_default();
        assert!(status.success(), "lab run {arguments:?} ended with {status}:\n{said}");
        let report = fs::read(folder.join("report.json")).expect("a report");
        Self { wall, memory, report: serde_json::from_slice(&report).expect("JSON") }
    }

    /// Probes that were made: every try of every case.
    pub fn probes(&self) -> usize {
        self.cases().iter().map(|case| case["tries"].as_array().map_or(0, Vec::len)).sum()
    }

    /// The longest wait for an answer that never came.
    pub fn longest_timeout(&self) -> Duration {
        let silent = |it: &&Value| it["outcome"] == "timeout" || it["outcome"] == "stalled";
        let tries = self.cases().iter().flat_map(|case| case["tries"].as_array().into_iter().flatten());
        let longest = tries.filter(silent).filter_map(|it| it["duration_us"].as_u64()).max();
        Duration::from_micros(longest.unwrap_or_default())
    }

    /// Panics unless exactly these cases are in the report, each once.
    pub fn assert_every_case_once(&self, planned: &[String]) {
        let mut left: BTreeSet<&str> = planned.iter().map(String::as_str).collect();
        for case in self.cases() {
            let id = case["id"].as_str().expect("an id");
            assert!(left.remove(id), "{id} stands twice, or was not planned");
        }
        assert!(left.is_empty(), "lost: {left:?}");
    }

    fn cases(&self) -> &[Value] {
        self.report["cases"].as_array().expect("cases")
    }
}

/// Looks at the processes of one run of the program a hundred times a second until it has ended.
fn most_memory(root: u32, program: &Path, ended: &AtomicBool) -> u64 {
    let mut most = 0;
    while !ended.load(Ordering::Relaxed) {
        let mut processes = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            // Forks that run something else by now, and processes that end meanwhile, do not count.
            let is_ours = |path: &Path| fs::read_link(path.join("exe")).is_ok_and(|exe| exe == program);
            if is_ours(&entry.path()) && is_below(&entry.path(), root) {
                processes.insert(entry.file_name(), proportional(&entry.path()));
            }
        }
        most = most.max(processes.values().sum());
        thread::sleep(Duration::from_millis(10));
    }
    most
}

/// Whether a process is the root or comes from it: other runs may be under way on this machine.
fn is_below(process: &Path, root: u32) -> bool {
    let mut pid: u32 = process.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or_default();
    while pid > 1 && pid != root {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name, in brackets, may hold anything.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        pid = parent.unwrap_or_default();
    }
    pid == root
}

/// Memory of a process in bytes, shared pages by its share of them.
fn proportional(process: &Path) -> u64 {
    let rollup = fs::read_to_string(process.join("smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
