//! `junit.xml`, for the tools that show test results of CI jobs.
//!
//! One suite per scenario and distro, one test case per case; names are the cases' ids. A remedy whose verdict the
//! scenario names is a test case too, `SCENARIO::DISTRO::REMEDY::verdict`: another verdict is a `failure` of type
//! `changed`. What the verdicts of cases become:
//!
//! | verdict | element | why |
//! | --- | --- | --- |
//! | `pass` | none | |
//! | `known` | `skipped`, type `known` | an expected failure: CI tools show it, with its message, and stay green. A success would hide it, a failure would make every night red |
//! | `skipped` | `skipped`, type `skipped` | |
//! | `fail`, `fixed` | `failure`, its type the verdict | `lab run` ends with 1 |
//! | `flaky` | `failure`, type `flaky`, with a `flakyFailure` (or `rerunFailure` if the last try failed too) per failed try | `lab run` ends with 1, so this is not green either |
//! | `error` | `error` | the lab's fault, not the network's |
//!
//! In a run that was compared with a baseline only what changed is a `failure`, its type the kind of change; what fails
//! as the baseline says is `skipped`, type `baseline`. What is gone is a test case of the suite `baseline`, and so are
//! remedies that changed. A run that was interrupted, and a whole of which a part is missing, have an `error` more:
//! `run::complete`.

use std::{collections::HashSet, time::Duration};

use quick_junit::{FlakyOrRerun, NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::{
    cause::place,
    cell,
    error::ReportError,
    lacking,
    remedy::change,
    text::{clean, explain_command},
    versions,
};
use crate::model::{
    Change, Comparison, Outcome, Verdict,
    report::{CaseReport, DistroReport, OtherMachine, RemedyReport, Report},
};

/// The report as `JUnit` XML.
pub fn to_string(report: &Report) -> Result<String, ReportError> {
    let mut junit = Junit::new("pathlab");
    junit.timestamp = report.run.started_at.to_string().parse().ok();
    junit.set_time(Duration::from_millis(report.run.duration_ms));
    let mut seen = HashSet::new();
    for case in &report.cases {
        if seen.insert((case.scenario.as_str(), case.distro.as_str())) {
            junit.add_test_suite(suite(report, &case.scenario, &case.distro));
        }
    }
    if let Some(comparison) = &report.baseline {
        let ids: HashSet<&str> = report.cases.iter().map(|case| case.id.as_str()).collect();
        let others = comparison.changes.iter().filter(|change| !ids.contains(change.id.as_str()));
        let mut suite = TestSuite::new("baseline");
        suite.add_test_cases(others.map(|change| TestCase::new(clean(&change.id), changed(change))));
        if !suite.test_cases.is_empty() {
            junit.add_test_suite(suite);
        }
    }
    if let Some(lacking) = lacking::of(report).filter(|lacking| lacking.is_wrong) {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type(lacking.kind);
        status.set_message(lacking.sentence);
        let mut suite = TestSuite::new("run");
        suite.add_test_case(TestCase::new("run::complete", status));
        junit.add_test_suite(suite);
    }
    junit.to_string().map_err(|source| ReportError::Render { what: "junit.xml", source: source.into() })
}

fn suite(report: &Report, scenario: &str, distro: &str) -> TestSuite {
    let mut suite = TestSuite::new(clean(&format!("{scenario}::{distro}")));
    suite.timestamp = report.run.started_at.to_string().parse().ok();
    let cases: Vec<_> = report.cases.iter().filter(|case| case.scenario == scenario && case.distro == distro).collect();
    suite.set_time(Duration::from_micros(cases.iter().map(|case| case.duration_us).sum()));
    for (name, value) in properties(report, scenario, distro) {
        suite.add_property((name, clean(&value).into_owned()));
    }
    suite.add_test_cases(cases.into_iter().map(|case| test_case(case, report.baseline.as_ref())));
    if report.baseline.is_none() {
        let remedies = report.remedies.iter().filter(|remedy| remedy.scenario == scenario && remedy.distro == distro);
        suite.add_test_cases(remedies.filter(|remedy| remedy.expected_verdict.is_some()).map(remedy_verdict));
    }
    suite
}

fn properties(report: &Report, scenario: &str, distro: &str) -> Vec<(String, String)> {
    let run = &report.run;
    let mut properties = vec![
        ("run".to_owned(), run.id.clone()),
        ("provider".to_owned(), run.provider.clone()),
        ("cluster".to_owned(), run.cluster.clone()),
        ("pathlab".to_owned(), run.pathlab.clone()),
    ];
    let host = versions::of_host(&run.host).into_iter();
    properties.extend(host.map(|(name, version)| (format!("host.{name}"), version.to_owned())));
    if let Some(about) = report.scenarios.iter().find(|about| about.id == scenario) {
        properties.push(("scenario.title".to_owned(), about.title.clone()));
        properties.extend(about.upstream.iter().map(|upstream| ("scenario.upstream".to_owned(), upstream.clone())));
    }
    if let Some(DistroReport { machine, other_machines, .. }) = report.distros.iter().find(|one| one.id == distro) {
        properties.push(("machine.kernel".to_owned(), machine.kernel.clone()));
        for OtherMachine { distro, machine } in other_machines {
            let versions = [("firewalld", &machine.firewalld), ("nft", &machine.nft)];
            let versions = versions.into_iter().filter_map(|(name, version)| Some((name, version.clone()?)));
            properties.extend(versions.map(|(name, version)| (format!("machine.{distro}.{name}"), version)));
        }
        properties.extend(machine.firewalld.clone().map(|version| ("machine.firewalld".to_owned(), version)));
        properties.extend(machine.nft.clone().map(|version| ("machine.nft".to_owned(), version)));
        properties.extend(machine.drift.iter().map(|part| ("drift".to_owned(), part.clone())));
        properties.extend(machine.not_covered.iter().map(|part| ("not-covered".to_owned(), part.clone())));
    }
    properties
}

fn test_case(case: &CaseReport, baseline: Option<&Comparison>) -> TestCase {
    let mut test = TestCase::new(clean(&case.id), compared(case, baseline));
    test.set_classname(clean(&format!("{}::{}", case.scenario, case.distro)));
    test.set_time(Duration::from_micros(case.duration_us));
    // What changed says it as a failure.
    if case.verdict == Verdict::Known && baseline.is_none_or(|comparison| comparison.of(&case.id).is_none()) {
        test.set_system_out(description(case));
    }
    test
}

fn remedy_verdict(remedy: &RemedyReport) -> TestCase {
    let status = change(remedy).map_or_else(TestCaseStatus::success, |change| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type("changed");
        status.set_message(clean(&change));
        status
    });
    let RemedyReport { scenario, distro, id, .. } = remedy;
    let mut test = TestCase::new(clean(&format!("{scenario}::{distro}::{id}::verdict")), status);
    test.set_classname(clean(&format!("{scenario}::{distro}")));
    test
}

/// The status, by what changed where a baseline says what was before.
fn compared(case: &CaseReport, baseline: Option<&Comparison>) -> TestCaseStatus {
    let Some(comparison) = baseline.filter(|_| case.verdict != Verdict::Error) else { return status(case) };
    if let Some(change) = comparison.of(&case.id) {
        let mut status = changed(change);
        status.set_description(description(case));
        return status;
    }
    if !matches!(case.verdict, Verdict::Fail | Verdict::Fixed | Verdict::Flaky) {
        return status(case);
    }
    let mut status = TestCaseStatus::skipped();
    status.set_type("baseline");
    status.set_message(clean(&format!("as in the baseline: {}", message(case))).into_owned());
    status
}

fn changed(change: &Change) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(change.kind.as_str());
    status.set_message(clean(&format!("{}: {}", change.kind.meaning(), change.words())).into_owned());
    status
}

fn status(case: &CaseReport) -> TestCaseStatus {
    let mut status = match case.verdict {
        Verdict::Pass => return TestCaseStatus::success(),
        Verdict::Known | Verdict::Skipped => TestCaseStatus::skipped(),
        Verdict::Fail | Verdict::Fixed | Verdict::Flaky => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    status.set_type(case.verdict.as_str());
    status.set_message(message(case));
    if !matches!(case.verdict, Verdict::Known | Verdict::Skipped) {
        status.set_description(description(case));
    }
    if case.verdict == Verdict::Flaky {
        let as_expected = is_expected(case, case.outcome);
        status.add_reruns(case.tries.iter().filter(|one| !is_expected(case, one.outcome)).map(|one| {
            let mut rerun = TestRerun::new(NonSuccessKind::Failure);
            rerun.set_time(Duration::from_micros(one.duration_us));
            rerun.set_type(one.outcome.to_string());
            rerun.set_message(clean(&format!("{}: {}", one.when, one.detail)));
            rerun
        }));
        status.set_rerun_kind(if as_expected { FlakyOrRerun::Flaky } else { FlakyOrRerun::Rerun });
    }
    status
}

/// Whether one try is as expected, as far as an outcome alone says it.
fn is_expected(case: &CaseReport, outcome: Outcome) -> bool {
    match case.expected.as_str() {
        "blocked" => outcome != Outcome::Ok,
        expected => outcome.to_string() == expected,
    }
}

/// One line: what happened and what was expected.
fn message(case: &CaseReport) -> String {
    let known = case.upstream.as_ref().map(|upstream| format!(" ({upstream})")).unwrap_or_default();
    let text = match case.verdict {
        Verdict::Skipped => case.detail.clone(),
        Verdict::Known => format!("known issue{known}: {}", cell::outcome(case)),
        Verdict::Fixed => format!("a known issue{known} no longer shows: {}", cell::outcome(case)),
        _ => format!("{}, expected {}", cell::outcome(case), case.expected),
    };
    clean(&text).into_owned()
}

/// Everything that a reader of a CI page needs to go on.
fn description(case: &CaseReport) -> String {
    let mut lines = vec![
        format!("outcome: {}", cell::outcome(case)),
        format!("expected: {}", clean(&case.expected)),
        format!("detail: {}", clean(&case.detail)),
    ];
    if let Some(upstream) = &case.upstream {
        lines.push(format!("known issue: {}", clean(upstream)));
    }
    if let Some(cause) = &case.cause {
        lines.push(format!("cause: {}: {}", cause.kind, clean(&cause.summary)));
        lines.extend(place(cause).map(|place| format!("rule: {}", clean(&place))));
        lines.extend(cause.owner.as_deref().map(|owner| format!("owner: {}", clean(owner))));
    }
    lines.push(format!("explain: {}", explain_command(&case.id)));
    lines.join("\n")
}
