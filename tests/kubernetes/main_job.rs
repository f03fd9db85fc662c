//! The main job on real Kubernetes, and what becomes of a workload that cannot come up.

use std::path::Path;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    support::{Lab, copy_of_scenario},
    trials,
};

pub fn trials() -> Vec<Trial> {
    trials![
        the_reported_bug_shows,
        an_image_that_does_not_exist_is_said,
        three_nodes_and_kinds_that_only_kubernetes_knows,
    ]
}

fn the_reported_bug_shows() {
    let dir = TempDir::new().expect("a folder");
    let events = dir.path().join("events.jsonl");
    let log = events.to_str().expect("UTF-8");
    let lab = Lab::run(&["rhel", "ubuntu", "--cluster", "kubernetes", "--remedy", "none", "--events", log]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    assert_eq!(lab.report()["run"]["cluster"], "kubernetes");
    let rhel = |path: &str| lab.case(&format!("pod-ip-502::rhel-9.5::as-installed::{path}"));
    let words = |outcome: &str, verdict: &str| (outcome.to_owned(), verdict.to_owned());
    assert_eq!(rhel("pod-to-pod-ip"), words("rejected", "known"));
    assert_eq!(rhel("outside-to-ingress"), words("http-502", "known"));
    assert_eq!(rhel("pod-to-service"), words("ok", "pass"));
    // The pods have the names that real controllers gave them.
    let report = lab.report();
    let case =
        report["cases"].as_array().expect("cases").iter().find(|case| case["outcome"] == "ok").expect("one is ok");
    assert!(case["backend"].as_str().is_some_and(|backend| backend.starts_with("zeus-")), "{case}");
    println!("one node, two clusters at a time: {}", phases(&events));
}

fn an_image_that_does_not_exist_is_said() {
    let dir = copy_of_scenario("pod-ip-502", |text| text);
    let container = "        - name: zeus\n          image: pathlab/agent:1\n";
    // Two containers on one line, whose second image is the absent one.
    let containers = "        - { name: first, image: pathlab/agent:1 }\n        - { name: zeus, \"image\": pathlab/absent:1,\n            args: [echo] }\n";
    change_manifest(&dir, |text| {
        let start = text.find(container).expect("the container");
        let end = text.find("---\n").expect("the next document");
        format!("{}{containers}{}", &text[..start], &text[end..])
    });
    let lab = run_of(&dir, &["ubuntu"]);
    assert_eq!(lab.status(), 3, "{}", lab.said());
    let report = lab.report();
    let detail = report["cases"][0]["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains("pathlab/absent:1") && detail.to_lowercase().contains("pull"), "{detail}");
    assert_eq!(report["cases"][0]["verdict"], json!("error"));
}

/// Kinds and fields of which the lab knows nothing are the API server's to take, and every node does its part.
fn three_nodes_and_kinds_that_only_kubernetes_knows() {
    let dir = copy_of_scenario("pod-ip-502", |text| {
        let paths =
            "paths:\n  - { from: [remote-pod], to: [service], repeat: 60 }\n  - { from: [remote-pod], to: [pod-ip] }\n";
        text.replace("nodes: 1\n", "nodes: 3\n").replace("paths:\n", paths)
    });
    change_manifest(&dir, |text| {
        let image = "          image: pathlab/agent:1\n";
        let fields = "          command: [/lab-agent]\n          args: [echo]\n          \
            readinessProbe: { tcpSocket: { port: http }, periodSeconds: 1 }\n";
        let text = text.replace("replicas: 1", "replicas: 3").replace(image, &format!("{image}{fields}"));
        text + CRON_JOB
    });
    let events = dir.path().join("events.jsonl");
    let log = events.to_str().expect("UTF-8");
    let lab = run_of(&dir, &["ubuntu", "--filter", "remote-pod", "--events", log]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    let report = lab.report();
    let cases = report["cases"].as_array().expect("cases");
    let of = |path: &str| cases.iter().find(|case| case["id"].as_str().is_some_and(|id| id.ends_with(path)));
    assert_eq!(of("remote-pod-to-pod-ip").expect("the case")["outcome"], "ok");
    let service = of("remote-pod-to-service").expect("the case");
    assert_eq!(service["backends"].as_object().map(serde_json::Map::len), Some(3), "{service}");
    println!("three nodes: {}", phases(&events));
}

/// How long each phase of each cluster took, for people: how fast this machine is decides nothing.
fn phases(events: &Path) -> String {
    let text = std::fs::read_to_string(events).expect("events");
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let ends = events.filter(|event| event["event"] == "phase-end");
    let told = ends.map(|end| format!("{} {} {} ms", end["cluster"], end["phase"], end["duration_ms"]));
    told.collect::<Vec<_>>().join(", ")
}

/// Version 1.20 serves this one; nothing comes of it while the lab lives.
const CRON_JOB: &str = "---
apiVersion: batch/v1beta1
kind: CronJob
metadata: { name: yearly }
spec:
  schedule: 0 0 1 1 *
  suspend: true
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{ name: a, image: nowhere/nothing:1 }]
";

fn change_manifest(dir: &TempDir, change: impl Fn(String) -> String) {
    let manifest = dir.path().join("pod-ip-502/zeus.yaml");
    let text = std::fs::read_to_string(&manifest).expect("the manifest");
    std::fs::write(&manifest, change(text)).expect("a write");
}

/// Runs the changed scenario as installed.
fn run_of(dir: &TempDir, arguments: &[&str]) -> Lab {
    let folder = dir.path().join("pod-ip-502");
    let folder = folder.to_str().expect("UTF-8");
    Lab::run(&[arguments, &["-s", folder, "--cluster", "kubernetes", "--remedy", "none"]].concat())
}
