//! What is not there after a restart.

use fs_err as fs;
use libtest_mimic::Trial;
use serde_json::Value;

use crate::{
    host::bundle,
    lab::{Lab, end},
};

pub fn trials() -> Vec<Trial> {
    crate::trials![a_firewall_that_does_not_come_back_makes_no_remedy_last]
}

/// A remedy after which firewalld runs, is enabled, and cannot be started any more.
const SCENARIO: &str = "id: lost-firewall
title: A firewall that does not come back
upstream: [firewalld/firewalld#414]
distros: [rhel]
nodes: 1
manifests: [zeus.yaml]
backend: { service: zeus, namespace: default }
paths:
  - { from: [pod], to: [pod-ip] }
known_issues:
  - { distro: rhel, upstream: canonical/microk8s#4903, paths: [pod-to-pod-ip], outcome: rejected }
remedies:
  - id: half-way
    title: Take the unit of firewalld away
    recommended: false
    verdict: no-effect
    applies_to: firewalld
    run:
      - rm /lib/systemd/system/firewalld.service
";

fn a_firewall_that_does_not_come_back_makes_no_remedy_last() {
    bundle();
    let lab = Lab::new("restarts");
    let folder = lab.home.join("lost-firewall");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("scenario.yaml"), SCENARIO).expect("written");
    fs::copy(lab.home.join("scenarios/pod-ip-502/zeus.yaml"), folder.join("zeus.yaml")).expect("copied");
    let words = ["run", "rhel", "--provider", "multipass", "-s", folder.as_str(), "--no-history", "--report", "report"];
    end(lab.with_image(&words)).said(3, &["firewalld is enabled and does not run after a restart of the machine"]);
    let report = lab.report("report");
    let cases: Vec<&Value> = report["cases"].as_array().expect("cases").iter().collect();
    let of = |state: &str| {
        let ends = format!("::{state}::pod-to-pod-ip");
        cases.iter().find(|case| case["id"].as_str().is_some_and(|id| id.ends_with(&ends))).expect("a case")
    };
    assert_eq!(of("as-installed")["verdict"], "known");
    assert_eq!(of("half-way")["verdict"], "error", "{:#}", of("half-way"));
    lab.nothing_is_left();
}
