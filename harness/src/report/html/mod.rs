//! `report.html`: one file that needs nothing else, made to be read on a desk, a phone and paper.
//!
//! It holds no script and no address; its content security policy forbids both, so that no text of a report could
//! bring one in. Everything that it says is escaped by the template and cleaned of control characters before.

mod about;
mod case;
mod changes;
mod differences;
mod grid;
mod overview;
mod past;
mod picture;
mod policy;
mod remedies;
mod scenario;
mod way;

use askama::Template;

use self::{
    about::About,
    case::CaseView,
    changes::ChangesView,
    differences::{DifferenceTable, not_compared},
    overview::{DistroCard, Headline},
    past::PastView,
    picture::Shape,
    scenario::ScenarioView,
};
use super::{error::ReportError, matrix::Matrix, tally::needs_a_look};
use crate::model::report::Report;

/// The page's only style sheet.
const STYLE: &str = include_str!("../../../templates/report.css");

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    policy: String,
    style: &'static str,
    headline: Headline,
    changes: Option<ChangesView>,
    distros: Vec<DistroCard>,
    past: Option<PastView>,
    cases: Vec<CaseView>,
    scenarios: Vec<ScenarioView>,
    differences: Vec<DifferenceTable>,
    not_compared: Option<String>,
    about: About,
}

/// The report as one page.
pub fn to_string(report: &Report) -> Result<String, ReportError> {
    let matrices = Matrix::all(report);
    let page = Page {
        policy: policy::content_security_policy(STYLE),
        style: STYLE,
        headline: Headline::of(report),
        changes: report.baseline.as_ref().map(ChangesView::of),
        distros: DistroCard::all(report, &matrices),
        past: report.past.as_ref().map(PastView::of),
        cases: report.cases.iter().filter(|case| needs_a_look(case)).map(CaseView::of).collect(),
        scenarios: matrices.iter().enumerate().map(|(index, matrix)| ScenarioView::of(report, matrix, index)).collect(),
        differences: DifferenceTable::all(report),
        not_compared: not_compared(report),
        about: About::of(report),
    };
    page.render().map_err(|source| ReportError::Render { what: "report.html", source: source.into() })
}
