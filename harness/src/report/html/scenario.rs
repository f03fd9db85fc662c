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
    pub(super) summary: String,
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
            summary: clean(&cause.summary).into_owned(),
            facts,
            paths: group.paths(),
            explain: group.cases.first().map(|case| explain_command(&case.id)),
            way: way.as_ref().filter(|way| !way.steps.is_empty()).map(|way| WayView::of(way, anchor)),
        }
    }
}
