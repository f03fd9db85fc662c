//! What a remedy did, in words.

use super::{
    matrix::{Column, Matrix},
    tally::is_failure,
    text::{clean, ports},
};
use crate::model::{
    RemedyVerdict,
    report::{RemedyReport, Report},
};

/// One remedy on one distro.
pub(super) struct Remedied<'a> {
    /// As the report has it.
    pub(super) remedy: &'a RemedyReport,
    /// Paths that fail as installed.
    pub(super) failing: usize,
    /// Whether something was seen of the paths, both as installed and with it. Else its verdict says nothing.
    pub(super) judged: bool,
}

impl<'a> Remedied<'a> {
    /// The remedies of one scenario on one distro, in the order of the report.
    pub(super) fn all(report: &'a Report, matrix: &Matrix<'a>, distro: &str) -> Vec<Self> {
        let failing = matrix.column(Column { distro, remedy: None }).filter(|case| is_failure(case)).count();
        let seen = |remedy| {
            let mut cases = matrix.column(Column { distro, remedy });
            cases.any(|case| case.verdict.says_something())
        };
        let judged = |remedy: &'a RemedyReport| seen(None) && seen(Some(remedy.id.as_str()));
        report
            .remedies
            .iter()
            .filter(|remedy| remedy.scenario == matrix.scenario && remedy.distro == distro)
            .map(|remedy| Self { remedy, failing: failing.max(remedy.fixed), judged: judged(remedy) })
            .collect()
    }

    /// `fixes 2 of 2, opens nothing`.
    pub(super) fn sentence(&self) -> String {
        let mut parts = vec![self.repairs()];
        if self.remedy.verdict == RemedyVerdict::NotApplicable {
            return parts.remove(0);
        }
        if !self.judged {
            return "not judged".to_owned();
        }
        if self.reload_matters() && !self.remedy.survives_reload {
            parts.push("not after a firewall reload".to_owned());
        }
        if self.reload_matters() && self.remedy.survives_reboot == Some(false) {
            parts.push("not after a restart".to_owned());
        }
        parts.push(format!("opens {}", ports(&self.remedy.opens)));
        if !self.remedy.closes.is_empty() {
            parts.push(format!("closes {}", ports(&self.remedy.closes)));
        }
        parts.join(", ")
    }

    /// Whether it is worth saying if it survives a reload: only of what does something.
    pub(super) fn reload_matters(&self) -> bool {
        self.judged && !matches!(self.remedy.verdict, RemedyVerdict::NotApplicable | RemedyVerdict::NoEffect)
    }

    /// How much of what fails it repairs.
    pub(super) fn repairs(&self) -> String {
        let RemedyReport { verdict, fixed, still_failing, .. } = self.remedy;
        match verdict {
            RemedyVerdict::Fixes => format!("fixes {fixed} of {}", self.failing),
            RemedyVerdict::Partly => format!("fixes {fixed} of {}, {still_failing} still fail", self.failing),
            RemedyVerdict::NoEffect => format!("no effect: {still_failing} of {} still fail", self.failing),
            RemedyVerdict::Breaks => {
                let broken = still_failing.saturating_sub(self.failing - fixed);
                format!("breaks {broken} that worked, fixes {fixed} of {}", self.failing)
            }
            RemedyVerdict::NotApplicable => "does not apply".to_owned(),
        }
    }
}

/// What is to be said of a remedy whose verdict is not the one that the scenario names.
pub(super) fn change(remedy: &RemedyReport) -> Option<String> {
    let expected = remedy.expected_verdict.filter(|_| remedy.is_changed())?;
    Some(format!("CHANGED: the scenario says `{expected}`, the run shows `{}`", remedy.verdict))
}

/// How many remedies, of one scenario or of all, show something else than the scenario says.
pub(super) fn changed(report: &Report, scenario: Option<&str>) -> usize {
    let of = |remedy: &&RemedyReport| scenario.is_none_or(|scenario| remedy.scenario == scenario);
    report.remedies.iter().filter(of).filter(|remedy| remedy.is_changed()).count()
}

/// Remedies that are not for a distro, in words: a reason, and the ids that it holds for.
pub(super) fn not_applicable(remedies: &[Remedied<'_>]) -> Vec<(String, String)> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for RemedyReport { id, detail, .. } in remedies.iter().map(|one| one.remedy) {
        match reasons.iter_mut().find(|(reason, _)| reason == detail) {
            Some((_, ids)) => ids.push(id),
            None => reasons.push((detail, vec![id])),
        }
    }
    let words = |(reason, ids): (&str, Vec<&str>)| (clean(reason).into_owned(), clean(&ids.join(", ")).into_owned());
    reasons.into_iter().map(words).collect()
}
