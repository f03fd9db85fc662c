//! The files of a report on their way to the disk: nothing that is wrong with it may cost the reader the result.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use miette::Diagnostic;

use super::{failure::Failure, run::ReportProblem};
use crate::{
    model::report::Report,
    report::{self, ReportError},
};

/// Files of a report that could not be written.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{problem}")]
struct Unwritten {
    problem: ReportProblem,
    #[help]
    help: String,
}

/// Writes what a finished run has to say. Where the disk is full of its evidence, that goes: the report is smaller, and
/// says more.
pub(super) fn write(report: &mut Report, dir: &Utf8Path) -> Result<(), Failure> {
    let errors = report::write_all(report, dir);
    if !errors.iter().any(ReportError::is_full) || report.evidence.is_empty() {
        return ended(&errors, dir);
    }
    tracing::warn!("the disk of {dir} is full: the evidence of the run is removed to make room for its report");
    let files: Vec<Utf8PathBuf> = report.evidence.drain(..).map(|file| dir.join(file.path)).collect();
    for file in &files {
        if let Err(error) = fs::remove_file(file) {
            tracing::warn!("{error}");
        }
    }
    // Folders that are empty now; others stay.
    files.iter().filter_map(|file| file.parent()).for_each(|folder| drop(fs::remove_dir(folder)));
    ended(&report::write_all(report, dir), dir)
}

/// Writes the files of a finished run again.
pub(super) fn write_again(report: &Report, dir: &Utf8Path) -> Result<(), Failure> {
    ended(&report::write_all(report, dir), dir)
}

fn ended(errors: &[ReportError], dir: &Utf8Path) -> Result<(), Failure> {
    if errors.is_empty() {
        return Ok(());
    }
    let help = if dir.join("report.json").exists() {
        format!("report.json has all of it: `lab report {dir}` writes the other files once there is room")
    } else {
        "what was printed is all that is left of it: make room, or name another folder with `--report`".to_owned()
    };
    let problems = errors.iter().map(|error| Unwritten { problem: ReportProblem::new(error), help: help.clone() });
    Err(Failure::Lab(problems.map(|problem| Box::new(problem) as _).collect()))
}
