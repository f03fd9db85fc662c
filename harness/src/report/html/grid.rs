//! The matrix, each cell a button that opens its case.

use super::case::{Badge, CaseView};
use crate::{
    model::report::CaseReport,
    report::{cell, matrix::Matrix, text::clean},
};

/// Cells of a matrix that get their details; a page with more would be too heavy for a phone.
const MOST_DETAILS: usize = 3_000;

/// The matrix of one scenario.
pub(super) struct Grid {
    pub(super) groups: Vec<Heading>,
    pub(super) states: Vec<Heading>,
    pub(super) rows: Vec<GridRow>,
    pub(super) legend: Vec<LegendEntry>,
    /// Details of cells, in order; cells name them by their anchor.
    pub(super) details: Vec<Detail>,
    /// Whether cells that are simply right have no details, because there are too many.
    pub(super) shortened: bool,
}

/// A heading over some columns.
pub(super) struct Heading {
    pub(super) text: String,
    pub(super) span: usize,
    /// Whether a distro's columns begin here.
    pub(super) first: bool,
}

/// One access path.
pub(super) struct GridRow {
    pub(super) path: String,
    pub(super) cells: Vec<GridCell>,
}

/// One case, or a place without one.
pub(super) struct GridCell {
    pub(super) first: bool,
    pub(super) case: Option<GridCase>,
}

/// A case in a cell.
pub(super) struct GridCase {
    pub(super) badge: Badge,
    pub(super) outcome: String,
    pub(super) note: Option<&'static str>,
    pub(super) hint: String,
    pub(super) anchor: Option<String>,
}

/// What a mark means.
pub(super) struct LegendEntry {
    pub(super) badge: Badge,
    pub(super) meaning: &'static str,
}

/// What opens when a cell is pressed.
pub(super) struct Detail {
    pub(super) anchor: String,
    pub(super) case: CaseView,
}

impl Grid {
    pub(super) fn of(matrix: &Matrix<'_>, index: usize) -> Self {
        let number = matrix.rows.iter().flat_map(|row| &row.cells).flatten().count();
        let mut grid = Self {
            groups: groups(matrix),
            states: Vec::new(),
            rows: Vec::new(),
            legend: Vec::new(),
            details: Vec::new(),
            shortened: number > MOST_DETAILS,
        };
        let starts: Vec<bool> = (0..matrix.columns.len()).map(|column| starts_distro(matrix, column)).collect();
        let state = |(column, first): (&crate::report::matrix::Column<'_>, &bool)| Heading {
            text: clean(column.state()).into_owned(),
            span: 1,
            first: *first,
        };
        grid.states = matrix.columns.iter().zip(&starts).map(state).collect();
        for row in &matrix.rows {
            let mut cells = Vec::new();
            for (case, first) in row.cells.iter().zip(&starts) {
                cells.push(GridCell { first: *first, case: case.map(|case| grid.case(case, index)) });
            }
            grid.rows.push(GridRow { path: row.path.clone(), cells });
        }
        grid.legend = legend(matrix);
        grid
    }

    fn case(&mut self, case: &CaseReport, scenario: usize) -> GridCase {
        let badge = Badge::of(case.verdict);
        let view = CaseView::of(case);
        let hint = format!("{}\n{}", view.id, view.lines.join("\n"));
        let anchor =
            (!self.shortened || badge.class != "pass").then(|| format!("case-{scenario}-{}", self.details.len()));
        if let Some(anchor) = &anchor {
            self.details.push(Detail { anchor: anchor.clone(), case: view });
        }
        GridCase { badge, outcome: cell::outcome(case), note: cell::note(case), hint, anchor }
    }
}

fn starts_distro(matrix: &Matrix<'_>, column: usize) -> bool {
    column == 0 || matrix.columns[column - 1].distro != matrix.columns[column].distro
}

fn groups(matrix: &Matrix<'_>) -> Vec<Heading> {
    let heading = |distro: &str| Heading {
        text: clean(distro).into_owned(),
        span: matrix.columns.iter().filter(|column| column.distro == distro).count(),
        first: true,
    };
    matrix.distros().into_iter().map(heading).collect()
}

/// The verdicts that occur, with their meaning.
fn legend(matrix: &Matrix<'_>) -> Vec<LegendEntry> {
    use crate::model::Verdict;
    let occurs = |verdict| matrix.rows.iter().flat_map(|row| &row.cells).flatten().any(|case| case.verdict == verdict);
    [
        (Verdict::Pass, "as expected"),
        (Verdict::Known, "fails exactly as a known issue says"),
        (Verdict::Fail, "not as expected"),
        (Verdict::Fixed, "a known issue that no longer shows"),
        (Verdict::Flaky, "differs between tries"),
        (Verdict::Skipped, "not tried"),
        (Verdict::Error, "the lab's own fault, says nothing about the network"),
    ]
    .into_iter()
    .filter(|(verdict, _)| occurs(*verdict))
    .map(|(verdict, meaning)| LegendEntry { badge: Badge::of(verdict), meaning })
    .collect()
}
