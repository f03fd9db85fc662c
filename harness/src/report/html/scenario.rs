//! One scenario: matrix, causes with the packet's way, remedies.

use super::{grid::Grid, remedies::RemedyTable, way::WayView};
use crate::{
    model::report::{CauseGroup, Report},
    report::{
        cause::{Causes, Group, place},
        matrix::Matrix,
        text::{clean, explain_command},
    },
};

/// All that belongs to one scenario.
pub(super) struct ScenarioView {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) upstream: Vec<String>,
    pub(super) grid: Grid,
    pub(super) causes: Vec<CausesView>,
    pub(super) remedies: Vec<RemedyTable>,
}

/// The causes on one distro.
pub(super) struct CausesView {
    pub(super) headline: String,
    pub(super) groups: Vec<CauseView>,
}

/// One cause.
pub(super) struct CauseView {
    /// The summary in pieces; those that stand in backticks are code.
    pub(super) summary: Vec<(bool, String)>,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) paths: Vec<String>,
    pub(super) explain: Option<String>,
    pub(super) way: Option<WayView>,
}

impl ScenarioView {
    pub(super) fn of(report: &Report, matrix: &Matrix<'_>, index: usize) -> Self {
        let about = matrix.about;
        let upstream = about.map(|about| about.upstream.iter().map(|text| clean(text).into_owned()).collect());
        let causes = Causes::of(report, matrix);
        let mut ways = 0;
        let mut view = |group: &Group<'_>| {
            ways += 1;
            CauseView::of(group, &format!("way-{index}-{ways}"))
        };
        Self {
            id: clean(matrix.scenario).into_owned(),
            title: about.map(|about| clean(&about.title).into_owned()).unwrap_or_default(),
            upstream: upstream.unwrap_or_default(),
            grid: Grid::of(matrix, index),
            causes: causes
                .iter()
                .map(|causes| CausesView {
                    headline: clean(&causes.headline()).into_owned(),
                    groups: causes.groups.iter().map(&mut view).collect(),
                })
                .collect(),
            remedies: RemedyTable::all(report, matrix),
        }
    }
}

impl CauseView {
    fn of(group: &Group<'_>, anchor: &str) -> Self {
        let CauseGroup { cause, way, .. } = group.group;
        let mut facts = vec![("kind", cause.kind.to_string())];
        facts.extend(place(cause).map(|place| ("rule", clean(&place).into_owned())));
        facts.extend(cause.owner.as_deref().map(|owner| ("owner", clean(owner).into_owned())));
        Self {
            summary: pieces(&clean(&cause.summary)),
            facts,
            paths: group.paths(),
            explain: group.cases.first().map(|case| explain_command(&case.id)),
            way: way.as_ref().filter(|way| !way.steps.is_empty()).map(|way| WayView::of(way, anchor)),
        }
    }
}

/// Splits text at its backticks. Text with an odd number of them stays whole.
fn pieces(text: &str) -> Vec<(bool, String)> {
    if text.matches('`').count() % 2 == 1 {
        return vec![(false, text.to_owned())];
    }
    let pieces = text.split('`').enumerate().map(|(index, piece)| (index % 2 == 1, piece.to_owned()));
    pieces.filter(|(_, piece)| !piece.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn backticks_mark_code() {
        let piece = |code, text: &str| (code, text.to_owned());
        assert_eq!(
            pieces("ends with `reject`."),
            [piece(false, "ends with "), piece(true, "reject"), piece(false, ".")]
        );
        assert_eq!(pieces("5 o`clock"), [piece(false, "5 o`clock")]);
    }
}
