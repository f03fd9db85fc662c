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
        let ended = AtomicBool::new(false);
        let (status, wall, memory) = thread::scope(|scope| {
            let watch = scope.spawn(|| most_memory(lab_file(), &ended));
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

    /// The ids of the cases. Panics where one stands twice.
    pub fn case_ids(&self) -> BTreeSet<&str> {
        let mut ids = BTreeSet::new();
        for case in self.cases() {
            let id = case["id"].as_str().expect("an id");
            assert!(ids.insert(id), "{id} stands twice");
        }
        ids
    }

    fn cases(&self) -> &[Value] {
        self.report["cases"].as_array().expect("cases")
    }
}

fn lab_file() -> &'static Path {
    Path::new(LAB)
}

/// Looks at the processes of the program a hundred times a second until it has ended.
fn most_memory(program: &Path, ended: &AtomicBool) -> u64 {
    let mut most = 0;
    while !ended.load(Ordering::Relaxed) {
        let mut processes = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            // Forks that run something else by now, and processes that end meanwhile, do not count.
            if fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == program) {
                processes.insert(entry.file_name(), proportional(&entry.path()));
            }
        }
        most = most.max(processes.values().sum());
        thread::sleep(Duration::from_millis(10));
    }
    most
}

/// Memory of a process in bytes, shared pages by its share of them.
fn proportional(process: &Path) -> u64 {
    let rollup = fs::read_to_string(process.join("smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
