//! The text that a run ends with, made to be read on a terminal and pasted into a bug report.

mod causes;
mod machines;
mod page;
mod remedies;
mod scenario;
mod scenarios;
mod style;
mod summary;
mod table;

use camino::Utf8Path;

use self::page::Page;
pub use self::style::TerminalStyle;
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
    summary::write_cases(&mut page, report);
    scenarios::write(&mut page, report, &matrices);
    summary::write_end(&mut page, report, dir);
    page.finish()
}
