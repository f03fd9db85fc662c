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
    RemedyVerdict,
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
