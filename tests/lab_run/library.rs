//! The library of scenarios as a whole, and what its files may say of a run.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Lab, copy_of_scenario};

use libtest_mimic::Trial;

use crate::trials;

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        the_whole_library_is_as_expected,
        what_is_about_other_hosts_is_skipped,
        two_nodes_with_firewalld_go_from_timeout_over_rejected_to_ok,
        a_remedy_with_another_verdict_is_a_change,
        a_mixed_cluster_from_elsewhere_needs_no_code,
        a_new_scenario_runs_as_it_is,
    ]
}

fn outcome(report: &Value, id: &str) -> String {
    let cases = report["cases"].as_array().expect("cases");
    let case = cases.iter().find(|case| case["id"] == id).unwrap_or_else(|| panic!("no case {id}"));
    case["outcome"].as_str().expect("an outcome").to_owned()
}

/// Every known outcome shows, every remedy does what its scenario says, and what cannot be carried is skipped.
fn the_whole_library_is_as_expected() {
    let lab = Lab::run(&["-s", "all"]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    let report = lab.report();
    let remedies = report["remedies"].as_array().expect("remedies");
    let measured: Vec<&Value> = remedies.iter().filter(|remedy| remedy["verdict"] != "not-applicable").collect();
    assert!(measured.len() >= 30, "{}", measured.len());
    for remedy in measured {
        assert_eq!(remedy["expected_verdict"], remedy["verdict"], "{remedy}");
    }
    let skipped: Vec<&Value> =
        report["cases"].as_array().expect("cases").iter().filter(|case| case["verdict"] == "skipped").collect();
    assert!(skipped.iter().any(|case| case["scenario"] == "no-ip-tables-module"), "{}", lab.said());
    for group in report["causes"].as_array().expect("causes") {
        assert_ne!(group["cause"]["kind"], "unknown", "{group}");
    }
    for case in skipped {
        assert!(case["detail"].as_str().expect("a reason").starts_with("the netns lab cannot carry it: "), "{case}");
    }
    let said = lab.said();
    for scenario in ["vtep-mac ", "vxlan-checksum ", "networkmanager-routes "] {
        let line = said.lines().find(|line| line.trim_start().starts_with(scenario));
        let line = line.unwrap_or_else(|| panic!("no line of {scenario}: {said}"));
        assert!(line.contains("as expected") || line.contains("skipped"), "{line}");
    }
}

/// A host fault that a distro cannot have is no failure of it.
fn what_is_about_other_hosts_is_skipped() {
    let scenarios = ["firewall-reload-flush", "host-port-after-reload", "nm-cloud-setup", "rp-filter"];
    let named = scenarios.iter().flat_map(|id| ["-s", id]);
    let arguments: Vec<&str> = ["ubuntu", "--remedy", "none"].into_iter().chain(named).collect();
    let lab = Lab::run(&arguments);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    for case in lab.report()["cases"].as_array().expect("cases") {
        let skipped = case["scenario"] != "rp-filter";
        assert_eq!(case["verdict"] == "skipped", skipped, "{case}");
        let reason = case["detail"].as_str().unwrap_or_default();
        assert_eq!(reason.starts_with("what it is about is not on ubuntu-22.04: "), skipped, "{case}");
    }
}

/// Silence, then rejection, then answers: half a fix changes the symptom.
fn two_nodes_with_firewalld_go_from_timeout_over_rejected_to_ok() {
    let lab = Lab::run(&["-s", "remote-service-rejected"]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    let report = lab.report();
    for path in ["remote-pod-to-service", "remote-pod-to-dns:udp", "outside-to-remote-node-port"] {
        let end = |state: &str| outcome(&report, &format!("remote-service-rejected::almalinux-9.5::{state}::{path}"));
        let states = ["as-installed", "open-vxlan", "trusted-source-and-vxlan"];
        assert_eq!(states.map(end), ["timeout", "rejected", "ok"], "{path}");
    }
    assert_eq!(lab.remedy("almalinux-9.5", "open-vxlan")["verdict"], "no-effect");
    let both = lab.remedy("almalinux-9.5", "trusted-source-and-vxlan");
    assert_eq!((&both["verdict"], &both["opens"]), (&json!("fixes"), &json!([])), "{both}");
}

/// The verdict that a scenario names is held against the run.
fn a_remedy_with_another_verdict_is_a_change() {
    let wrong = "    verdict: partly\n    applies_to: firewalld\n    run:\n      - systemctl";
    let right = "    verdict: fixes\n    applies_to: firewalld\n    run:\n      - systemctl";
    let dir = copy_of_scenario("pod-ip-502", |text| {
        assert!(text.contains(right));
        text.replace(right, wrong)
    });
    let folder = dir.path().join("pod-ip-502").to_str().expect("UTF-8").to_owned();
    let lab = Lab::run(&["rhel", "--remedy", "firewalld-off", "-s", &folder]);
    assert_eq!(lab.status(), 1, "{}", lab.said());
    assert!(lab.said().contains("CHANGED: the scenario says `partly`, the run shows `fixes`"), "{}", lab.said());
    assert!(lab.said().contains("1 remedy verdict changed"), "{}", lab.said());
    assert_eq!(lab.remedy("rhel-9.5", "firewalld-off")["expected_verdict"], "partly");
    // A part of the paths says nothing of the verdict on all of them.
    let lab = Lab::run(&["rhel", "--remedy", "firewalld-off", "--filter", "node-to-service", "-s", &folder]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
}

/// Two machines of different systems in one cluster, written without a look at the code.
fn a_mixed_cluster_from_elsewhere_needs_no_code() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let folder = dir.path().join("mixed-shop");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("shop.yaml"), SHOP).expect("a write");
    fs::write(folder.join("scenario.yaml"), MIXED).expect("a write");
    let lab = Lab::run(&["-s", folder.to_str().expect("UTF-8")]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    let end = |path: &str| lab.case(&format!("mixed-shop::debian-12::as-installed::{path}"));
    let words = |outcome: &str, verdict: &str| (outcome.to_owned(), verdict.to_owned());
    assert_eq!(end("pod-to-service"), words("ok", "pass"));
    assert_eq!(end("pod-to-service:udp:large"), words("ok", "pass"));
    assert_eq!(end("remote-pod-to-service:tcp"), words("timeout", "known"));
    assert_eq!(lab.remedy("debian-12", "no-firewall")["verdict"], "fixes");
    // What ends the packets is the other machine's, and is told of that.
    let report = lab.report();
    let causes = report["causes"].as_array().expect("causes");
    let [cause] = causes.as_slice() else { panic!("not one cause: {causes:?}") };
    let summary = cause["cause"]["summary"].as_str().expect("a sentence");
    assert!(summary.starts_with("rocky-9.5 (on node-2) rejects the VXLAN packet that carries the answer"), "{summary}");
    assert!(!summary.contains("Service path survives"), "{summary}");
    let firewalld = &report["run"]["host"]["firewalld"];
    assert!(firewalld.is_string(), "{}", report["run"]);
    let [distro] = report["distros"].as_array().expect("distros").as_slice() else { panic!("not one distro") };
    assert_eq!((&distro["id"], &distro["machine"]["firewalld"]), (&json!("debian-12"), &Value::Null), "{distro}");
    let [other] = distro["other_machines"].as_array().expect("others").as_slice() else { panic!("{distro}") };
    assert_eq!((&other["distro"], &other["machine"]["firewalld"]), (&json!("rocky-9.5"), firewalld), "{other}");
    assert!(other["machine"]["declared"]["firewalld"].is_string(), "{other}");
    let said = lab.said();
    let rows: Vec<&str> = said.lines().skip_while(|line| *line != "Machines").take(10).collect();
    for start in ["  debian-12  kernel ", "  rocky-9.5  kernel "] {
        assert_eq!(rows.iter().filter(|row| row.starts_with(start)).count(), 1, "{start:?}: {rows:#?}");
    }
}

/// What `lab new` writes runs as it is.
fn a_new_scenario_runs_as_it_is() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let parent = dir.path().to_str().expect("UTF-8");
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["new", "my-bug", "--from", "canonical/microk8s#4903", "--dir", parent])
        .output()
        .expect("lab starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let lab = Lab::run(&["ubuntu", "-s", &format!("{parent}/my-bug")]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    let again = std::process::Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["new", "my-bug", "--from", "canonical/microk8s#4903", "--dir", parent])
        .output()
        .expect("lab starts");
    assert_eq!(again.status.code(), Some(2), "nothing is overwritten");
}

const MIXED: &str = r#"
id: mixed-shop
title: A firewall on one of two nodes only
upstream: [example/shop#8]
nodes: [debian, rocky]
manifests: [shop.yaml]
backend: { service: front, namespace: shop }
paths:
  - { from: pod, to: service, protocol: [http, udp], payload: [small, large] }
  - { from: [remote-pod, remote-node], to: service, protocol: tcp }
known_issues:
  - { distro: rocky, upstream: example/shop#8, paths: [remote-*], outcome: timeout }
remedies:
  - id: no-firewall
    title: Stop the one firewall
    recommended: false
    verdict: fixes
    applies_to: firewalld
    run: ["systemctl disable --now firewalld"]
"#;

const SHOP: &str = r"
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: front, namespace: shop }
spec:
  replicas: 1
  selector: { matchLabels: { app: front } }
  template:
    metadata: { labels: { app: front } }
    spec:
      nodeSelector: { kubernetes.io/hostname: node-1 }
      containers:
        - name: echo
          image: pathlab/agent:1
          ports:
            - { name: http, containerPort: 8080 }
            - { name: tcp, containerPort: 8081 }
            - { name: udp, containerPort: 8081, protocol: UDP }
---
apiVersion: v1
kind: Service
metadata: { name: front, namespace: shop }
spec:
  selector: { app: front }
  ports:
    - { name: http, port: 80, targetPort: http }
    - { name: tcp, port: 81, targetPort: tcp }
    - { name: udp, port: 81, targetPort: udp, protocol: UDP }
";
