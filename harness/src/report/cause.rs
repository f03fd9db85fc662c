//! Grouped causes of one scenario on one distro, and how many of its failures they explain.

use std::collections::HashSet;

use super::{
    matrix::{Matrix, path_of},
    tally::is_failure,
    text::count,
};
use crate::model::report::{CaseReport, Cause, CauseGroup, Report};

/// The causes behind the failures of one scenario on one distro.
pub(super) struct Causes<'a> {
    /// Distro id.
    pub(super) distro: &'a str,
    /// The groups, the one with most cases first.
    pub(super) groups: Vec<Group<'a>>,
    /// Failing cases: as installed, or with remedies if none fails as installed.
    pub(super) failures: usize,
    /// How many of them a group names.
    pub(super) explained: usize,
    /// Failing cases under remedies that the groups name beside those.
    pub(super) with_remedies: usize,
}

/// One cause and its cases in this scenario.
pub(super) struct Group<'a> {
    /// The group as the report has it.
    pub(super) group: &'a CauseGroup,
    /// Its cases in this scenario, as installed first.
    pub(super) cases: Vec<&'a CaseReport>,
}

impl<'a> Causes<'a> {
    /// The causes of a scenario, one entry per distro that has any.
    pub(super) fn of(report: &'a Report, matrix: &Matrix<'a>) -> Vec<Self> {
        matrix.distros().into_iter().filter_map(|distro| Self::on(report, matrix, distro)).collect()
    }

    fn on(report: &'a Report, matrix: &Matrix<'a>, distro: &'a str) -> Option<Self> {
        let cases: Vec<&CaseReport> =
            matrix.columns.iter().filter(|column| column.distro == distro).flat_map(|c| matrix.column(*c)).collect();
        let mut groups: Vec<Group<'a>> = report
            .causes
            .iter()
            .filter(|group| group.distro == distro)
            .map(|group| {
                let ids: HashSet<&str> = group.cases.iter().map(String::as_str).collect();
                Group { group, cases: cases.iter().copied().filter(|case| ids.contains(case.id.as_str())).collect() }
            })
            .filter(|group| !group.cases.is_empty())
            .collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.cases.len()));
        if groups.is_empty() {
            return None;
        }
        let named: HashSet<&str> = groups.iter().flat_map(|group| &group.cases).map(|case| case.id.as_str()).collect();
        let (here, elsewhere): (Vec<_>, Vec<_>) = cases
            .into_iter()
            .filter(|case| is_failure(case) || named.contains(case.id.as_str()))
            .partition(|case| case.remedy.is_none());
        let explained = |cases: &[&CaseReport]| cases.iter().filter(|case| named.contains(case.id.as_str())).count();
        let (main, rest) = if here.is_empty() { (elsewhere, here) } else { (here, elsewhere) };
        Some(Self {
            distro,
            groups,
            failures: main.len(),
            explained: explained(&main),
            with_remedies: explained(&rest),
        })
    }

    /// `1 cause explains 3 of 3 failures on rhel-9.5`.
    pub(super) fn headline(&self) -> String {
        let verb = if self.groups.len() == 1 { "explains" } else { "explain" };
        let causes = count(self.groups.len(), "cause");
        let failures = count(self.failures, "failure");
        let more = match self.with_remedies {
            0 => String::new(),
            n => format!(", and {n} more with remedies"),
        };
        format!("{causes} {verb} {} of {failures} on {}{more}", self.explained, self.distro)
    }
}

impl Group<'_> {
    /// The paths that it breaks as installed, or those with remedies if there is none.
    pub(super) fn paths(&self) -> Vec<String> {
        let (installed, remedied): (Vec<&CaseReport>, _) = self.cases.iter().partition(|case| case.remedy.is_none());
        let cases = if installed.is_empty() { remedied } else { installed };
        let mut paths: Vec<String> = cases.into_iter().map(|case| path_of(case).to_string()).collect();
        paths.dedup();
        paths
    }
}

/// Table, chain and rule on one line: `inet firewalld filter_FWD_public: reject with icmpx admin-prohibited`.
pub(super) fn place(cause: &Cause) -> Option<String> {
    let at: Vec<&str> = [&cause.table, &cause.chain].into_iter().flatten().map(String::as_str).collect();
    match (at.is_empty(), &cause.rule) {
        (true, None) => None,
        (true, Some(rule)) => Some(rule.clone()),
        (false, None) => Some(at.join(" ")),
        (false, Some(rule)) => Some(format!("{}: {rule}", at.join(" "))),
    }
}
