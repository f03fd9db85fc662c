//! `lab baseline`: what is known, in a file for review; and `lab run --baseline`, which says what is not so any more.

use std::io::{ErrorKind, Write};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use miette::Diagnostic;

use super::{
    args::{BaselineArgs, BaselineCommand},
    exit::Exit,
    failure::Failure,
    run::ReportProblem,
    select::Selected,
};
use crate::{
    baseline::{Baseline, Scope, compare, unjudged},
    model::{
        Comparison, Verdict,
        report::{RemedyReport, Report},
    },
    report::{self, json, write_file},
};

/// A baseline that cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum BaselineProblem {
    #[error("failed to read the baseline {path}")]
    #[diagnostic(help("`lab baseline update {path} --from REPORT_DIR` writes one from a finished run"))]
    Read { path: Utf8PathBuf, source: std::io::Error },
    #[error("{0} is a part of a run ({1}): a baseline needs all of it")]
    #[diagnostic(help("`lab report merge` makes one report of all parts"))]
    Part(Utf8PathBuf, String),
    #[error("{0} is of a run that was interrupted: a baseline needs all of it")]
    #[diagnostic(help("name the folder of a run that came to its end"))]
    Interrupted(Utf8PathBuf),
}

/// Writes a baseline and says what is new in it.
pub fn run(args: &BaselineArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let BaselineCommand::Update { file, from } = &args.command;
    let report = json::read(&from.join("report.json")).map_err(|error| Failure::input(ReportProblem::new(&error)))?;
    if let Some(shard) = &report.run.shard {
        let part = format!("{} of {}", shard.number, shard.count);
        return Err(Failure::input(BaselineProblem::Part(from.clone(), part)));
    }
    if report.run.interrupted {
        return Err(Failure::input(BaselineProblem::Interrupted(from.clone())));
    }
    let old = match fs::read_to_string(file) {
        Ok(text) => Baseline::parse(&text, file.as_str()).map_err(Failure::input)?,
        Err(error) if error.kind() == ErrorKind::NotFound => Baseline::default(),
        Err(source) => return Err(Failure::input(BaselineProblem::Read { path: file.clone(), source })),
    };
    let comparison = compare(&old, &report, &everything(), file.as_str());
    let mut new = Baseline::of(&report);
    // What the lab broke says nothing: what was known of it stays.
    new.entries.extend(unjudged(&report).filter_map(|id| old.entries.get(&id).cloned().map(|entry| (id, entry))));
    write_file(file, &new.to_string()).map_err(|error| Failure::lab(ReportProblem::new(&error)))?;
    for change in &comparison.changes {
        writeln!(out, "{}: {}  {}", change.kind.meaning(), change.id, change.words())?;
    }
    let (lines, changed) = (new.entries.len(), comparison.changes.len());
    writeln!(out, "{file}: {lines} lines, {changed} of them changed, {} not judged", comparison.unjudged)?;
    Ok(Exit::AsExpected)
}

const fn everything() -> Scope<'static> {
    Scope { case: &|_| true, remedy: &|_| true, complete: true }
}

/// Reads a baseline, before anything is built.
pub(super) fn read(path: &Utf8Path) -> Result<Baseline, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|source| Failure::input(BaselineProblem::Read { path: path.to_owned(), source }))?;
    Baseline::parse(&text, path.as_str()).map_err(Failure::input)
}

/// How the run of a selection stands against a baseline.
pub(super) fn against(
    baseline: &Baseline,
    file: &Utf8Path,
    report: &Report,
    selected: &Selected,
    complete: bool,
) -> Comparison {
    let case = |id: &str| selected.could_run(id);
    let remedy = |id: &str| selected.could_judge(id);
    compare(baseline, report, &Scope { case: &case, remedy: &remedy, complete }, file.as_str())
}

/// How the report of a whole stands against a baseline. What a part of it had is not gone while that part is missing.
pub(super) fn against_whole(baseline: &Baseline, file: &Utf8Path, report: &Report) -> Comparison {
    let (run, all) = (&report.run, report.run.missing.is_empty());
    // Earlier versions did not write down what was asked for: their scenarios and distros are.
    let there = |id: &str| {
        let mut parts = id.split("::");
        let (scenario, distro) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        report.cases.iter().any(|case| case.scenario == scenario && case.distro == distro)
    };
    let case = |id: &str| all && run.asked.as_ref().map_or_else(|| there(id), |asked| asked.holds_case(id));
    let remedy = |id: &str| all && run.asked.as_ref().map_or_else(|| there(id), |asked| asked.holds_remedy(id));
    compare(baseline, report, &Scope { case: &case, remedy: &remedy, complete: !run.interrupted }, file.as_str())
}

/// The exit status that a report asks for: by what changed if it was compared, else by what is as expected.
#[must_use]
pub fn exit(report: &Report) -> Exit {
    let has = |any_of: &[Verdict]| report.cases.iter().any(|case| any_of.contains(&case.verdict));
    let changed = match &report.baseline {
        Some(comparison) => !comparison.changes.is_empty(),
        None => {
            has(&[Verdict::Fail, Verdict::Fixed, Verdict::Flaky])
                || report.remedies.iter().any(RemedyReport::is_changed)
        }
    };
    if report.run.interrupted {
        return Exit::Interrupted;
    }
    // What is missing may be anything.
    match (has(&[Verdict::Error]) || !report.run.missing.is_empty(), changed) {
        (true, _) => Exit::LabBroken,
        (false, true) => Exit::Changed,
        (false, false) => Exit::AsExpected,
    }
}

/// The text that a run ends with: only what changed, if it was compared.
pub(super) fn text(report: &Report, dir: &Utf8Path) -> String {
    report::terminal::render_changes(report, Some(dir), report::TerminalStyle::detect())
}
