//! What a run leaves: text for the terminal, `report.json`, `junit.xml`, `report.html`, `summary.txt`.
//!
//! Everything here is made from the result model alone, so a finished run can be rendered again from its
//! `report.json`. All text of the report is shown as text: no name, rule or detail can become markup, a control
//! sequence or a link.

pub mod annotations;
mod case_words;
mod cause;
mod cell;
mod error;
mod folder;
pub mod html;
pub mod json;
pub mod junit;
mod lacking;
pub mod markdown;
mod matrix;
mod merge;
mod past_words;
mod remedy;
mod tally;
pub mod terminal;
mod text;
mod versions;

use camino::Utf8Path;

pub use self::{
    error::ReportError,
    folder::{claim_dir, fresh_dir, write_file},
    merge::{MergeError, merge},
    terminal::TerminalStyle,
    text::shell_word,
};
use crate::model::report::Report;

/// Writes `report.json`, `junit.xml`, `report.html` and `summary.txt` into a folder that exists, each whole or not at
/// all. Files of an earlier rendering are replaced; others are not touched.
pub fn write_all(report: &Report, dir: &Utf8Path) -> Result<(), ReportError> {
    json::write(report, &dir.join("report.json"))?;
    folder::write_file(&dir.join("summary.txt"), &terminal::render(report, None, TerminalStyle::PLAIN))?;
    folder::write_file(&dir.join("junit.xml"), &junit::to_string(report)?)?;
    folder::write_file(&dir.join("report.html"), &html::to_string(report)?)
}
