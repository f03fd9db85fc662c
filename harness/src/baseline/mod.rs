//! Baselines: what a run is known to show, in a file made for review, and what is not so any more. Pure.

mod compare;
mod entry;
mod file;

pub use self::{
    compare::{Scope, compare},
    entry::{Entry, State},
    file::{BaselineError, FORMAT},
};

use std::collections::BTreeMap;

use crate::model::{
    Verdict,
    report::{RemedyReport, Report},
};

/// What a run is known to show: one entry per case and per remedy, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Case ids, and `SCENARIO::DISTRO::REMEDY` for remedies.
    pub entries: BTreeMap<String, Entry>,
}

impl Baseline {
    /// What a report shows. Cases that the lab broke, and remedies that it could not judge, are not in it.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let cases = report.cases.iter().filter(|case| case.verdict != Verdict::Error);
        let mut entries: BTreeMap<String, Entry> = cases.map(|case| (case.id.clone(), Entry::of_case(case))).collect();
        let judged = report.remedies.iter().filter(|remedy| is_judged(report, remedy));
        entries.extend(judged.map(|remedy| (remedy_id(remedy), Entry::of_remedy(remedy))));
        Self { entries }
    }
}

/// The ids of what a report says nothing of: cases that the lab broke, and remedies that it could not judge.
pub fn unjudged(report: &Report) -> impl Iterator<Item = String> {
    let cases = report.cases.iter().filter(|case| case.verdict == Verdict::Error).map(|case| case.id.clone());
    cases.chain(report.remedies.iter().filter(|remedy| !is_judged(report, remedy)).map(remedy_id))
}

/// How a remedy is named in a baseline.
fn remedy_id(remedy: &RemedyReport) -> String {
    format!("{}::{}::{}", remedy.scenario, remedy.distro, remedy.id)
}

/// Whether every case that a remedy was judged by says something.
fn is_judged(report: &Report, remedy: &RemedyReport) -> bool {
    let own = report.cases.iter().filter(|case| case.scenario == remedy.scenario && case.distro == remedy.distro);
    let mut own = own.filter(|case| case.remedy.as_ref().is_none_or(|id| *id == remedy.id));
    own.all(|case| case.verdict.says_something())
}

#[cfg(test)]
mod tests;
