//! `junit.xml`.

use pathlab::report::junit;
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};

use crate::sample;

#[test]
fn every_verdict() {
    insta::assert_snapshot!("junit-mixed", junit::to_string(&sample::mixed()).expect("rendered"));
}

#[test]
fn it_reads_back_with_the_right_numbers() {
    let xml = junit::to_string(&sample::mixed()).expect("rendered");
    let junit = Report::deserialize_from_str(&xml).expect("valid");
    assert_eq!(junit.test_suites.len(), 3);
    assert_eq!(junit.tests, sample::mixed().cases.len());
    // fail, fixed and flaky; the lab's error; the known ones and the skipped one.
    assert_eq!((junit.failures, junit.errors, junit.skipped), (3, 1, 8));
}

#[test]
fn failures_say_what_a_reader_needs() {
    let xml = junit::to_string(&sample::mixed()).expect("rendered");
    let junit = Report::deserialize_from_str(&xml).expect("valid");
    let id = "pod-ip-502::rocky-9.5::as-installed::outside-to-node-port";
    let case = junit.test_suites.iter().flat_map(|suite| &suite.test_cases).find(|case| case.name.as_str() == id);
    let TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, description: Some(text), .. } =
        &case.expect(id).status
    else {
        panic!("{id} is no failure")
    };
    for part in [
        "outcome: timeout",
        "expected: ok",
        "cause: tunnel",
        "owner: firewalld zone public",
        &format!("lab explain {id}"),
    ] {
        assert!(text.contains(part), "{part} is not in {text:?}");
    }
}

#[test]
fn hostile_text_stays_text() {
    let xml = junit::to_string(&sample::hostile()).expect("rendered");
    Report::deserialize_from_str(&xml).expect("well-formed");
    assert!(!xml.contains("<script") && !xml.contains("<img"));
    assert!(!xml.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
}

#[test]
fn a_remedy_that_does_something_else_than_its_scenario_says_is_a_failure() {
    let report = crate::with_a_changed_remedy();
    let xml = junit::to_string(&report).expect("rendered");
    let junit = Report::deserialize_from_str(&xml).expect("valid");
    let cases: Vec<_> = junit.test_suites.iter().flat_map(|suite| &suite.test_cases).collect();
    let status = |id: &str| &cases.iter().find(|case| case.name.as_str() == id).expect(id).status;
    let TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, message: Some(message), .. } =
        status("pod-ip-502::rhel-9.5::firewalld-off::verdict")
    else {
        panic!("the changed remedy is no failure: {xml}")
    };
    assert_eq!(message.as_str(), "CHANGED: the scenario says `no-effect`, the run shows `fixes`");
    let as_said = status("pod-ip-502::rhel-9.5::trusted-source::verdict");
    assert!(matches!(as_said, TestCaseStatus::Success { .. }), "{as_said:?}");
}
