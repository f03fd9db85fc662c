//! The text that a run ends with, made to be read on a terminal and pasted into a bug report.

mod causes;
mod changes;
mod machines;
mod page;
mod past;
mod remedies;
mod scenario;
mod scenarios;
mod style;
mod summary;
mod table;

use camino::Utf8Path;

use self::page::Page;
pub use self::{past::render_past, style::TerminalStyle};
use super::matrix::Matrix;
use crate::model::report::Report;

/// Renders a report as text. `dir` is the report's folder, if the reader is to be told of it.
#[must_use]
pub fn render(report: &Report, dir: Option<&Utf8Path>, style: TerminalStyle) -> String {
    let mut page = Page::new(style);
    let matrices = Matrix::all(report);
    for matrix in &matrices {
        scenario::write(&mut page, report, matrix);
    }
    machines::write(&mut page, report);
    changes::write(&mut page, report);
    summary::write_cases(&mut page, report);
    scenarios::write(&mut page, report, &matrices);
    summary::write_end(&mut page, report, dir);
    page.finish()
}

/// Renders only what changed against the baseline that the report was compared with, and what it all comes to. All of
/// a report that was not compared.
#[must_use]
pub fn render_changes(report: &Report, dir: Option<&Utf8Path>, style: TerminalStyle) -> String {
    if report.baseline.is_none() {
        return render(report, dir, style);
    }
    let mut page = Page::new(style);
    changes::write(&mut page, report);
    changes::write_broken(&mut page, report);
    summary::write_end(&mut page, report, dir);
    page.finish()
}
