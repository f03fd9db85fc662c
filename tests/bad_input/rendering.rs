//! How messages look: a few in full.

use insta::assert_snapshot;

use super::bench::{Bench, SCENARIO};

/// Standard error of `lab plan` for the good scenario with one text replaced, the bench's folder left out.
fn rendered(old: &str, new: &str) -> String {
    let bench = Bench::new();
    bench.write("home/scenarios/good/scenario.yaml", SCENARIO.replace(old, new).as_bytes());
    let output = bench.lab(&["plan", "-s", "good"]);
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8_lossy(&output.stderr).replace(bench.path("home").as_str(), "")
}

#[test]
fn a_slip_is_shown_with_what_was_meant() {
    assert_snapshot!(rendered("[node, pod]", "[node, pdo]"), @r"
    error: /scenarios/good/scenario.yaml:9:20: `pdo` is unknown; expected one of node, remote-node, pod, remote-pod, backend, ingress, outside
        ,-[/scenarios/good/scenario.yaml:9:20]
      8 | paths:
      9 |   - { from: [node, pdo], to: [service] }
        :                    ^|^
        :                     `-- no such word
     10 |   - { from: pod, to: pod-ip }
        `----
      help: did you mean `pod`?
    ");
}

#[test]
fn a_key_is_shown_with_those_that_there_are() {
    assert_snapshot!(rendered("applies_to: firewalld", "apply_to: firewalld"), @r#"
    error: /scenarios/good/scenario.yaml:20:5: unknown key `apply_to`
        ,-[/scenarios/good/scenario.yaml:20:5]
     19 |     recommended: true
     20 |     apply_to: firewalld
        :     ^^^^|^^^
        :         `-- no such key
     21 |     run: ["true"]
        `----
      help: did you mean `applies_to`? the keys are id, title, recommended, applies_to, run and verdict
    "#);
}

#[test]
fn a_path_without_sense_is_shown_with_the_reason() {
    assert_snapshot!(rendered("{ from: pod, to: pod-ip }", "{ from: remote-pod, to: pod-ip }"), @r"
    error: /scenarios/good/scenario.yaml:10:13: the path `remote-pod-to-pod-ip` makes no sense: there is no other node
        ,-[/scenarios/good/scenario.yaml:10:13]
      9 |   - { from: [node, pod], to: [service] }
     10 |   - { from: remote-pod, to: pod-ip }
        :             ^^^^^|^^^^
        :                  `-- this path
     11 |   - { from: outside, to: ingress, http: { path: /setup } }
        `----
      help: set `nodes: 2`, or leave the remote end away
    ");
}

#[test]
fn a_file_without_a_text_is_named_only() {
    assert_snapshot!(rendered(SCENARIO, ""), @"error: /scenarios/good/scenario.yaml:1:1: the file is empty");
}
