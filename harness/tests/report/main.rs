//! The texts that a report becomes, from sample reports.

mod files;
mod html;
mod json;
mod junit;
mod lacking;
mod merge;
mod nightly;
mod sample;
mod terminal;

use pathlab::model::{
    RemedyVerdict, Verdict,
    report::{RemedyReport, Report},
};

/// The report of the reported bug, whose scenario names the verdicts of two remedies: one as it shows, one not.
fn with_a_changed_remedy() -> Report {
    let mut report = sample::mixed();
    for (id, says) in [("trusted-source", RemedyVerdict::Fixes), ("firewalld-off", RemedyVerdict::NoEffect)] {
        let of = |remedy: &&mut RemedyReport| remedy.id == id && remedy.distro == "rhel-9.5";
        report.remedies.iter_mut().find(of).expect(id).expected_verdict = Some(says);
    }
    report
}

/// Lets the cluster of a remedy break, and its last case for a reason of its own; how many cases that are.
fn breaks(report: &mut Report, remedy: &str, reason: &str, last: &str) -> usize {
    let broken = report.cases.iter_mut().filter(|case| case.remedy.as_deref() == Some(remedy));
    let mut broken: Vec<_> = broken.collect();
    for case in &mut broken {
        case.verdict = Verdict::Error;
        reason.clone_into(&mut case.detail);
    }
    last.clone_into(&mut broken.last_mut().expect("a remedy of the report").detail);
    broken.len()
}
