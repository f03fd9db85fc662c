//! The main job on real Kubernetes, and what becomes of a workload that cannot come up.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::json;

use crate::{
    support::{Lab, copy_of_scenario},
    trials,
};

pub fn trials() -> Vec<Trial> {
    trials![the_reported_bug_shows, an_image_that_does_not_exist_is_said]
}

fn the_reported_bug_shows() {
    let lab = Lab::run(&["rhel", "ubuntu", "--cluster", "kubernetes", "--remedy", "none"]);
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
}

fn an_image_that_does_not_exist_is_said() {
    let dir = copy_of_scenario("pod-ip-502", |text| text);
    let manifest = dir.path().join("pod-ip-502/zeus.yaml");
    let text = std::fs::read_to_string(&manifest).expect("the manifest").replace("pathlab/agent:1", "pathlab/absent:1");
    std::fs::write(&manifest, text).expect("a write");
    let started = Instant::now();
    let folder = dir.path().join("pod-ip-502");
    let folder = folder.to_str().expect("UTF-8");
    let lab = Lab::run(&["ubuntu", "-s", folder, "--cluster", "kubernetes", "--remedy", "none"]);
    if lab.output.status.code() == Some(2) {
        // The embedded cluster's check knows which images there are, and says so before anything is made.
        assert!(lab.said().contains("pathlab/absent:1"), "{}", lab.said());
        return;
    }
    assert_eq!(lab.status(), 3, "{}", lab.said());
    assert!(started.elapsed() < Duration::from_secs(180), "{:?}", started.elapsed());
    let report = lab.report();
    let detail = report["cases"][0]["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains("pathlab/absent:1") && detail.to_lowercase().contains("pull"), "{detail}");
    assert_eq!(report["cases"][0]["verdict"], json!("error"));
}
