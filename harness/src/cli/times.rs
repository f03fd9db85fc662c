//! `--times`: how long clusters took, from a finished run or from a history.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use miette::Diagnostic;

use super::{failure::Failure, run::ReportProblem};
use crate::{
    history::{History, HistoryError},
    plan::Times,
    report::json,
};

/// How a `SQLite` file starts.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Times that cannot be read.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("failed to read the times from {path}")]
#[diagnostic(help("expected a report.json, the folder of a finished run, or a history"))]
struct TimesProblem {
    path: Utf8PathBuf,
    source: std::io::Error,
}

/// Reads them; none where no file is named. A history has those of other labs as well: those of this provider and kind of
/// cluster count.
pub(super) fn read(path: Option<&Utf8Path>, provider: &str, cluster: &str) -> Result<Times, Failure> {
    let Some(path) = path else { return Ok(Times::new()) };
    let path = if path.is_dir() { path.join("report.json") } else { path.to_owned() };
    let problem = |source| Failure::input(TimesProblem { path: path.clone(), source });
    let mut head = Vec::new();
    fs::File::open(&path).and_then(|file| file.take(SQLITE.len() as u64).read_to_end(&mut head)).map_err(problem)?;
    if head == SQLITE {
        let broken = |error: HistoryError| Failure::input(ReportProblem::new(&error));
        let history = History::read(&path).map_err(broken)?;
        return history.map_or_else(|| Ok(Times::new()), |history| history.times(provider, cluster).map_err(broken));
    }
    let report = json::read(&path).map_err(|error| Failure::input(ReportProblem::new(&error)))?;
    Ok(report.clusters.into_iter().map(|cluster| (cluster.id, cluster.duration_ms)).collect())
}
