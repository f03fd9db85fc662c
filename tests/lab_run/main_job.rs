//! The main job, as a user runs it: the seed scenario on real firewalld, netfilter and nginx.

use std::{fs, path::Path};

use crate::support::{Lab, copy_of_scenario};
use serde_json::{Value, json};

use libtest_mimic::Trial;

use crate::trials;

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        the_reported_bug_shows_and_the_remedies_are_told_apart,
        without_its_known_issues_the_same_run_fails,
        a_known_issue_that_does_not_show_is_fixed_and_must_be_looked_at,
        a_scenario_from_elsewhere_needs_no_code,
        a_report_follows_its_published_schema,
    ]
}

fn the_reported_bug_shows_and_the_remedies_are_told_apart() {
    let lab = Lab::run(&["rhel", "ubuntu"]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    let report = lab.report();
    for case in report["cases"].as_array().expect("cases").iter().filter(|case| case["distro"] == "ubuntu-22.04") {
        assert_eq!(case["verdict"], "pass", "{case}");
    }
    let rhel = |path: &str| lab.case(&format!("pod-ip-502::rhel-9.5::as-installed::{path}"));
    let words = |outcome: &str, verdict: &str| (outcome.to_owned(), verdict.to_owned());
    assert_eq!(rhel("pod-to-pod-ip"), words("rejected", "known"));
    assert_eq!(rhel("outside-to-ingress"), words("http-502", "known"));
    for path in ["pod-to-service", "node-to-pod-ip", "node-to-service", "outside-to-node-port"] {
        assert_eq!(rhel(path), words("ok", "pass"), "{path}");
    }
    for remedy in ["trusted-source", "trusted-interface"] {
        let remedy = lab.remedy("rhel-9.5", remedy);
        assert_eq!(
            (&remedy["verdict"], &remedy["opens"], &remedy["fixed"]),
            (&json!("fixes"), &json!([]), &json!(3)),
            "{remedy}"
        );
        assert_eq!(remedy["survives_reload"], true, "{remedy}");
    }
    let off = lab.remedy("rhel-9.5", "firewalld-off");
    assert_eq!(off["verdict"], "fixes", "{off}");
    assert!(off["opens"].as_array().expect("ports").contains(&json!(16443)), "{off}");
    for remedy in ["masquerade-public", "iptables-forward-accept"] {
        assert_eq!(lab.remedy("rhel-9.5", remedy)["verdict"], "no-effect", "{remedy}");
    }
}

fn without_its_known_issues_the_same_run_fails() {
    let dir = copy_of_scenario("pod-ip-502", |text| without_block(&text, "known_issues:"));
    let lab = Lab::run(&["rhel", "--remedy", "none", "-s", &path(dir.path())]);
    assert_eq!(lab.status(), 1, "{}", lab.said());
    assert_eq!(lab.case("pod-ip-502::rhel-9.5::as-installed::pod-to-pod-ip").1, "fail");
}

fn a_known_issue_that_does_not_show_is_fixed_and_must_be_looked_at() {
    let false_issue = "known_issues:\n  - { distro: ubuntu, upstream: example/example#1, paths: [pod-to-pod-ip], outcome: rejected }\n";
    let dir = copy_of_scenario("pod-ip-502", |text| text.replacen("known_issues:\n", false_issue, 1));
    let lab = Lab::run(&["ubuntu", "--remedy", "none", "-s", &path(dir.path())]);
    assert_eq!(lab.status(), 1, "{}", lab.said());
    assert_eq!(lab.case("pod-ip-502::ubuntu-22.04::as-installed::pod-to-pod-ip").1, "fixed");
}

/// Nothing about the seed scenario is in the code: other names, ports, conditions and distros work the same.
fn a_scenario_from_elsewhere_needs_no_code() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let folder = dir.path().join("isolated-web");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("web.yaml"), OTHER_MANIFEST).expect("a write");
    fs::write(folder.join("scenario.yaml"), OTHER_SCENARIO).expect("a write");
    let lab = Lab::run(&["-s", &path(&folder)]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    let cases = lab.report()["cases"].clone();
    let outcome = |path: &str, remedy: &str, distro: &str| {
        let id = format!("isolated-web::{distro}::{remedy}::{path}");
        cases.as_array().expect("cases").iter().find(|case| case["id"] == id).map(|case| case["outcome"].clone())
    };
    assert_eq!(outcome("pod-to-pod-ip", "as-installed", "debian-12"), Some(json!("timeout")), "{}", lab.said());
    assert_eq!(outcome("pod-to-service", "as-installed", "debian-12"), Some(json!("timeout")));
    assert_eq!(outcome("pod-to-pod-ip", "without-the-rule", "debian-12"), Some(json!("ok")));
    assert_eq!(outcome("outside-to-host-port", "as-installed", "rocky-9.5"), Some(json!("ok")));
    assert_eq!(lab.remedy("debian-12", "without-the-rule")["verdict"], "fixes");
}

fn a_report_follows_its_published_schema() {
    let lab = Lab::run(&["rocky", "--remedy", "trusted-source"]);
    let schema =
        std::process::Command::new(env!("CARGO_BIN_EXE_lab")).args(["schema", "report"]).output().expect("lab starts");
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("a JSON Schema");
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    let report = lab.report();
    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    for file in ["junit.xml", "summary.txt", "report.html"] {
        assert!(lab.dir.path().join("report").join(file).metadata().expect(file).len() > 0, "{file}");
    }
}

fn path(path: &Path) -> String {
    // A copied scenario's folder keeps its name; the temporary folder around it does not matter.
    let inner = path.join("pod-ip-502");
    if inner.exists() { inner } else { path.to_owned() }.to_str().expect("UTF-8").to_owned()
}

/// Cuts a top-level block of a YAML file.
fn without_block(text: &str, head: &str) -> String {
    let mut inside = false;
    let keep = |line: &&str| {
        if line.starts_with(head) {
            inside = true;
        } else if inside && !line.starts_with([' ', '#']) {
            inside = false;
        }
        !inside
    };
    text.split_inclusive('\n').filter(keep).collect()
}

const OTHER_SCENARIO: &str = r#"
id: isolated-web
title: A user's own rule cuts pods off from each other
upstream: []
distros: [debian, rocky]
nodes: 1
manifests: [web.yaml]
backend: { service: front, namespace: shop }
paths:
  - { from: [pod], to: [pod-ip, service, service-dns] }
  - { from: [outside], to: [host-port] }
conditions:
  - name: no traffic between pods
    on: [debian]
    when: before-cluster
    run: ["iptables -I FORWARD 1 -s 10.1.0.0/16 -d 10.1.0.0/16 -j DROP"]
known_issues:
  - { distro: debian, upstream: example/shop#7, paths: [pod-to-pod-ip, pod-to-service], outcome: timeout }
  - { distro: debian, upstream: example/shop#7, paths: [pod-to-service-dns], outcome: dns-failed }
  - { distro: rocky, upstream: canonical/microk8s#4903, paths: [pod-to-pod-ip], outcome: rejected }
remedies:
  - id: without-the-rule
    title: Delete the rule
    recommended: true
    applies_to: debian
    run: ["iptables -D FORWARD -s 10.1.0.0/16 -d 10.1.0.0/16 -j DROP"]
"#;

const OTHER_MANIFEST: &str = r#"
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: ports, namespace: shop }
data: { PORT: "9090" }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: front, namespace: shop }
spec:
  selector: { matchLabels: { app: front } }
  template:
    metadata: { labels: { app: front } }
    spec:
      containers:
        - name: echo
          image: pathlab/agent:1
          args: ["echo", "--http=$(PORT)"]
          envFrom: [ { configMapRef: { name: ports } } ]
          ports: [ { name: web, containerPort: 9090, hostPort: 8088 } ]
---
apiVersion: v1
kind: Service
metadata: { name: front, namespace: shop }
spec:
  selector: { app: front }
  ports: [ { port: 80, targetPort: web } ]
"#;
