//! The cases as libtest-mimic trials: what test tools read, and what `--format` passes through.

use camino::Utf8Path;
use libtest_mimic::{Arguments, Failed, FormatSetting, Trial};

use crate::model::{Verdict, report::CaseReport};

/// Runs every case as a trial and writes what libtest-mimic prints: to standard output with a `format`, to
/// `log` otherwise. The verdicts are in already; a trial passes when its case's verdict is as expected.
pub fn run(cases: &[CaseReport], format: Option<FormatSetting>, log: &Utf8Path) {
    let arguments = Arguments {
        logfile: format.is_none().then(|| log.to_string()),
        format: format.or(Some(FormatSetting::Pretty)),
        test_threads: Some(1),
        ..Arguments::default()
    };
    // Its exit status is not ours: an error of the lab is told apart from a failing case.
    let _conclusion = libtest_mimic::run(&arguments, cases.iter().map(trial).collect());
}

/// What a trial says of a case that is not as expected.
#[must_use]
pub fn message(case: &CaseReport) -> String {
    format!(
        "expected {}, got {} ({}): {}\nexplain with: lab explain {}",
        case.expected, case.outcome, case.verdict, case.detail, case.id,
    )
}

fn trial(case: &CaseReport) -> Trial {
    let message = message(case);
    let expected = is_expected(case.verdict);
    let run = move || if expected { Ok(()) } else { Err(Failed::from(message)) };
    let kind = if matches!(case.verdict, Verdict::Pass | Verdict::Fail) { "" } else { case.verdict.as_str() };
    Trial::test(case.id.clone(), run).with_kind(kind).with_ignored_flag(case.verdict == Verdict::Skipped)
}

/// Whether a verdict is one that a run may end well with.
#[must_use]
pub const fn is_expected(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Pass | Verdict::Known | Verdict::Skipped)
}
