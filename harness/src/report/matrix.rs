//! The matrix of one scenario: access paths × (each distro as installed, then its remedies).

use std::collections::HashMap;

use crate::model::{
    AccessPath,
    report::{CaseReport, Report, ScenarioReport},
};

/// All cases of one scenario, by path and column.
pub(super) struct Matrix<'a> {
    /// Scenario id.
    pub(super) scenario: &'a str,
    /// Its title and upstream reports, if the report has them.
    pub(super) about: Option<&'a ScenarioReport>,
    /// Each distro as installed, then its remedies.
    pub(super) columns: Vec<Column<'a>>,
    /// One per access path, in the order of the plan.
    pub(super) rows: Vec<Row<'a>>,
}

/// One state of one distro.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Column<'a> {
    /// Distro id.
    pub(super) distro: &'a str,
    /// Remedy id; none as installed.
    pub(super) remedy: Option<&'a str>,
}

/// One access path.
pub(super) struct Row<'a> {
    /// Its name.
    pub(super) path: String,
    /// One per column; none where the plan has no such case.
    pub(super) cells: Vec<Option<&'a CaseReport>>,
}

impl Column<'_> {
    /// The remedy's id, or `as installed`.
    pub(super) fn state(&self) -> &str {
        self.remedy.unwrap_or("as installed")
    }
}

impl<'a> Matrix<'a> {
    /// One matrix per scenario, in the order of the report.
    pub(super) fn all(report: &'a Report) -> Vec<Self> {
        let mut ids = Vec::new();
        let named = report.scenarios.iter().map(|scenario| scenario.id.as_str());
        for id in named.chain(report.cases.iter().map(|case| case.scenario.as_str())) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.into_iter().map(|id| Self::of(report, id)).collect()
    }

    fn of(report: &'a Report, scenario: &'a str) -> Self {
        let cases: Vec<_> = report.cases.iter().filter(|case| case.scenario == scenario).collect();
        let columns = columns(report, &cases);
        let column_index: HashMap<_, _> = columns.iter().enumerate().map(|(index, column)| (*column, index)).collect();
        let mut rows: Vec<Row<'a>> = Vec::new();
        let mut row_index = HashMap::new();
        for case in cases {
            let row = *row_index.entry(path_of(case)).or_insert_with_key(|path| {
                rows.push(Row { path: path.to_string(), cells: vec![None; columns.len()] });
                rows.len() - 1
            });
            rows[row].cells[column_index[&column_of(case)]] = Some(case);
        }
        let about = report.scenarios.iter().find(|about| about.id == scenario);
        Self { scenario, about, columns, rows }
    }

    /// The cases of one column.
    pub(super) fn column(&self, column: Column<'_>) -> impl Iterator<Item = &'a CaseReport> {
        let index = self.columns.iter().position(|other| *other == column);
        self.rows.iter().filter_map(move |row| row.cells[index?])
    }

    /// The distros that have cases here, in the order of the report.
    pub(super) fn distros(&self) -> Vec<&'a str> {
        let mut distros: Vec<&str> = self.columns.iter().map(|column| column.distro).collect();
        distros.dedup();
        distros
    }
}

/// The way of reaching the workload that a case tries.
pub(super) fn path_of(case: &CaseReport) -> AccessPath {
    AccessPath { from: case.from, to: case.to, protocol: case.protocol, payload: case.payload, family: case.family }
}

fn column_of(case: &CaseReport) -> Column<'_> {
    Column { distro: &case.distro, remedy: case.remedy.as_deref() }
}

/// Distros in the order of the report; of each, as installed first, then remedies as they come.
fn columns<'a>(report: &'a Report, cases: &[&'a CaseReport]) -> Vec<Column<'a>> {
    let mut columns: Vec<Column<'a>> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for case in cases {
        if known.insert(column_of(case)) {
            columns.push(column_of(case));
        }
    }
    let rank = |id: &str| report.distros.iter().position(|distro| distro.id == id).unwrap_or(usize::MAX);
    columns.sort_by(|a, b| {
        (rank(a.distro), a.distro, a.remedy.is_some()).cmp(&(rank(b.distro), b.distro, b.remedy.is_some()))
    });
    columns
}
