//! The floor of the seed run: the same firewalld instances, started and reloaded in parallel, and nothing else.

use std::{
    collections::BTreeSet,
    env,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{LAB, SEED};

const SCRIPT: &str = include_str!("floor.sh");

/// How many machines with firewalld the seed run has: one per cluster, as its scenario has one node.
pub fn instances() -> usize {
    let with_firewalld: BTreeSet<String> = json(&["list", "distros", "--format", "json"])
        .into_iter()
        .filter(|distro| distro["policy"]["firewall"]["kind"] == "firewalld")
        .map(|distro| distro["id"].to_string())
        .collect();
    let mut plan = vec!["plan", "--format", "json"];
    plan.extend(SEED);
    let clusters: BTreeSet<(String, String)> = json(&plan)
        .into_iter()
        .map(|case| (case["distro"].to_string(), case["remedy"].to_string()))
        .filter(|(distro, _)| with_firewalld.contains(distro))
        .collect();
    clusters.len()
}

/// Wall time until all of them have been reloaded.
pub fn measure(instances: usize) -> Duration {
    let start = Instant::now();
    let machines: Vec<Child> = (0..instances).map(|_| machine()).collect();
    for machine in machines {
        let output = machine.wait_with_output().expect("a child of this process");
        assert!(
            output.status.success(),
            "a firewalld of the floor failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    start.elapsed()
}

fn machine() -> Child {
    let path = format!("{}:/usr/sbin:/sbin", env::var("PATH").unwrap_or_default());
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    unshare.args(["sh", "-c", SCRIPT]).env("PATH", path);
    unshare.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    unshare.spawn().expect("unshare runs")
}

fn json(arguments: &[&str]) -> Vec<Value> {
    let output = Command::new(LAB).args(arguments).output().expect("lab runs");
    assert!(output.status.success(), "lab {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a list")
}
