//! `lab history`: what earlier runs showed; and how a run reads and writes the history.

use std::io::{self, Write};

use camino::{Utf8Path, Utf8PathBuf};
use miette::Diagnostic;

use super::{
    args::{Format, HistoryArgs, HistoryFile},
    exit::Exit,
    failure::Failure,
    run::ReportProblem,
};
use crate::{
    history::{History, HistoryError, Lab, RunRecord, analyse, default_path},
    model::{Past, report::Report},
    report::{TerminalStyle, terminal::render_past},
};

/// Nights that a report shows.
const SHOWN: usize = 14;

/// There is no history to show.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum NoHistory {
    #[error("there is no history at {0}")]
    #[diagnostic(help("`lab run` writes one; `--history FILE` names another"))]
    Empty(Utf8PathBuf),
    #[error("the history {0} is broken: {1}")]
    #[diagnostic(help("it is now {2}, and the next run begins a new one"))]
    Broken(Utf8PathBuf, ReportProblem, Utf8PathBuf),
    #[error("there is no place for a history: neither XDG_STATE_HOME nor HOME is an absolute path")]
    #[diagnostic(help("name one with `--history FILE`"))]
    NoPlace,
}

/// Prints the history of the cases whose id holds the text.
pub fn run(args: &HistoryArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let path = args.history.clone().or_else(default_path).ok_or_else(|| Failure::input(NoHistory::NoPlace))?;
    let problem = |error: HistoryError| match History::set_aside(&path, &error) {
        Some(aside) => Failure::input(NoHistory::Broken(path.clone(), ReportProblem::new(&error), aside)),
        None => Failure::input(ReportProblem::new(&error)),
    };
    let history = History::read(&path).map_err(problem)?;
    let history = history.ok_or_else(|| Failure::input(NoHistory::Empty(path.clone())))?;
    let text = args.case.as_deref().unwrap_or_default();
    let lab = args.provider.map(|provider| Lab {
        provider: provider.to_string(),
        cluster: args.cluster.unwrap_or_else(|| provider.default_cluster()).to_string(),
    });
    let runs = history.last(lab.as_ref(), text, args.last as usize).map_err(problem)?;
    let past = analyse(&runs, args.case.is_some());
    match args.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &past).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Format::Text => out.write_all(render_past(&past, TerminalStyle::detect()).as_bytes())?,
    }
    Ok(Exit::AsExpected)
}

/// The file that the command line means; none if it wants none, or if there is no place for one.
fn path(file: &HistoryFile) -> Option<Utf8PathBuf> {
    if file.no_history { None } else { file.history.clone().or_else(default_path) }
}

/// What the history says of a report's cases, this run included. A history that cannot be read is a warning.
pub(super) fn past(file: &HistoryFile, report: &Report) -> Option<Past> {
    let path = path(file)?;
    let lab = Lab { provider: report.run.provider.clone(), cluster: report.run.cluster.clone() };
    let read = History::read(&path)
        .and_then(|history| history.map_or_else(|| Ok(Vec::new()), |history| history.last(Some(&lab), "", SHOWN - 1)));
    let mut runs = read.inspect_err(|error| unread(&path, error)).ok()?;
    runs.push(report.into());
    keep_own_cases(&mut runs);
    (runs.len() > 1).then(|| analyse(&runs, false))
}

/// Drops from earlier runs what this run did not try, and runs of which nothing is left.
fn keep_own_cases(runs: &mut Vec<RunRecord>) {
    let Some((own, earlier)) = runs.split_last_mut() else { return };
    for run in earlier {
        run.cases.retain(|id, _| own.cases.contains_key(id));
    }
    let own = own.name.clone();
    runs.retain(|run| !run.cases.is_empty() || run.name == own);
}

/// Appends a run whose report is written. A history that cannot be written is a warning.
pub(super) fn append(file: &HistoryFile, report: &Report) {
    // Parts of a run are no nights: what `lab report merge` makes of them is one.
    if report.run.shard.is_some() {
        return;
    }
    let Some(path) = path(file) else { return };
    if let Err(error) = History::open(&path).and_then(|mut history| history.append(report)) {
        warn(&path, "write", &error);
    }
}

fn unread(path: &Utf8Path, error: &HistoryError) {
    warn(path, "read", error);
    if let Some(aside) = History::set_aside(path, error) {
        tracing::warn!("the history {path} is broken: it is now {aside}, and a new one begins");
    }
}

fn warn(path: &Utf8Path, what: &str, error: &HistoryError) {
    tracing::warn!("failed to {what} the history {path}, the run goes on without: {}", ReportProblem::new(error));
}
