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
    assert_snapshot!(rendered("[node, pod]", "[node, pdo]"), @"");
}

#[test]
fn a_key_is_shown_with_those_that_there_are() {
    assert_snapshot!(rendered("applies_to: firewalld", "apply_to: firewalld"), @"");
}

#[test]
fn a_path_without_sense_is_shown_with_the_reason() {
    assert_snapshot!(rendered("{ from: pod, to: pod-ip }", "{ from: remote-pod, to: pod-ip }"), @"");
}

#[test]
fn a_file_that_is_not_text_is_not_shown() {
    assert_snapshot!(rendered(SCENARIO, ""), @"");
}
