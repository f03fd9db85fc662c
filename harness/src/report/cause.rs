//! Grouped causes of one scenario on one distro, and how many of its failures they explain.

use std::collections::HashSet;

use super::{
    matrix::{Matrix, path_of},
    tally::is_failure,
    text::count,
};
use crate::model::report::{CaseReport, Cause, CauseGroup, CauseKind, Report};

/// The causes behind the failures of one scenario on one distro.
pub(super) struct Causes<'a> {
    /// Distro id.
    pub(super) distro: &'a str,
    /// The groups, the one with most cases first.
    pub(super) groups: Vec<Group<'a>>,
    /// Failing cases: as installed, or with remedies if none fails as installed.
    pub(super) failures: usize,
    /// How many of them a cause is known of.
    pub(super) explained: usize,
    /// Failing cases under remedies of which one is known beside those.
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
        let known: HashSet<&str> =
            groups.iter().filter(|g| g.is_known()).flat_map(|g| &g.cases).map(|case| case.id.as_str()).collect();
        let explained = |cases: &[&CaseReport]| cases.iter().filter(|case| known.contains(case.id.as_str())).count();
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
        let known = self.groups.iter().filter(|group| group.is_known()).count();
        let (failures, unexplained) = (count(self.failures, "failure"), self.failures - self.explained);
        let have = if unexplained == 1 { "has" } else { "have" };
        if known == 0 {
            return format!("{unexplained} of {failures} on {} {have} no known cause", self.distro);
        }
        let verb = if known == 1 { "explains" } else { "explain" };
        let more = match self.with_remedies {
            0 => String::new(),
            n => format!(", and {n} more with remedies"),
        };
        let rest = match unexplained {
            0 => String::new(),
            n => format!("; {n} {have} no known cause"),
        };
        let causes = count(known, "cause");
        format!("{causes} {verb} {} of {failures} on {}{more}{rest}", self.explained, self.distro)
    }
}

impl Group<'_> {
    /// Whether it says why its cases fail.
    fn is_known(&self) -> bool {
        self.group.cause.kind != CauseKind::Unknown
    }

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

#[cfg(test)]
mod tests {
    use super::{Causes, Group};
    use crate::model::report::{Cause, CauseGroup, CauseKind};

    fn group(kind: CauseKind) -> CauseGroup {
        let cause = Cause { kind, table: None, chain: None, rule: None, owner: None, summary: String::new() };
        CauseGroup { distro: "rhel-9.5".to_owned(), cause, cases: Vec::new(), way: None }
    }

    #[test]
    fn what_nobody_knows_is_no_explanation() {
        let headline = |kinds: &[CauseKind], explained, with_remedies| {
            let groups: Vec<CauseGroup> = kinds.iter().copied().map(group).collect();
            let groups = groups.iter().map(|group| Group { group, cases: Vec::new() }).collect();
            Causes { distro: "rhel-9.5", groups, failures: 4, explained, with_remedies }.headline()
        };
        let (known, unknown) = (CauseKind::FirewallReject, CauseKind::Unknown);
        assert_eq!(headline(&[known], 4, 0), "1 cause explains 4 of 4 failures on rhel-9.5");
        assert_eq!(
            headline(&[known, unknown, unknown], 2, 3),
            "1 cause explains 2 of 4 failures on rhel-9.5, and 3 more with remedies; 2 have no known cause"
        );
        assert_eq!(
            headline(&[known, known, unknown], 3, 0),
            "2 causes explain 3 of 4 failures on rhel-9.5; 1 has no known cause"
        );
        assert_eq!(headline(&[unknown, unknown], 0, 0), "4 of 4 failures on rhel-9.5 have no known cause");
    }
}
