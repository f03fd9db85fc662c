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
/// all; the first, from which the others can be made, before them. Files of an earlier rendering are replaced; others
/// are not touched. Returns what went wrong: one file's problem costs no other file.
#[must_use]
pub fn write_all(report: &Report, dir: &Utf8Path) -> Vec<ReportError> {
    let write = |name: &str, text: Result<String, ReportError>| folder::write_file(&dir.join(name), &text?);
    let written = [
        write("report.json", json::to_string(report)),
        write("summary.txt", Ok(terminal::render(report, None, TerminalStyle::PLAIN))),
        write("junit.xml", junit::to_string(report)),
        write("report.html", html::to_string(report)),
    ];
    written.into_iter().filter_map(Result::err).collect()
}
