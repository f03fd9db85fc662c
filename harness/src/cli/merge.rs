//! `lab report merge`: one report of the reports of all shards.

use std::{collections::BTreeMap, io::Write};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use miette::Diagnostic;

use super::{args::MergeArgs, baseline, exit::Exit, failure::Failure, files, history, run::ReportProblem};
use crate::{
    causes,
    model::report::Report,
    report::{MergeError, ReportError, claim_dir, json, merge},
};

/// Reports that cannot be put together.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error(transparent)]
#[diagnostic(help("name the folders of all shards of one run, each once; `--partial` merges those that are there"))]
struct MergeProblem(MergeError);

/// Merges the reports, compares the whole, and ends as a run of it all would have.
pub fn run(args: &MergeArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let known = args.baseline.as_deref().map(baseline::read).transpose()?;
    let input = |error: ReportError| Failure::input(ReportProblem::new(&error));
    let parts = args.dirs.iter().map(|dir| json::read(&dir.join("report.json")));
    let mut parts = parts.collect::<Result<Vec<Report>, _>>().map_err(input)?;
    let mut copies = evidence_copies(&args.dirs, &mut parts);
    let id = args.output.file_name().unwrap_or("merged").to_owned();
    let mut report = merge(parts, id, std::env::args().collect(), args.partial)
        .map_err(|error| Failure::input(MergeProblem(error)))?;
    claim_dir(&args.output).map_err(input)?;
    // A report without one of its archives says all that it says with it.
    report.evidence.retain(|file| {
        let from = copies.remove(&file.path);
        let told = |error: &std::io::Error| {
            tracing::warn!("{}: the whole goes on without this evidence", causes::line(error));
        };
        from.map_or(Ok(()), |from| copy(&from, &args.output.join(&file.path))).inspect_err(told).is_ok()
    });
    if let (Some(known), Some(file)) = (&known, &args.baseline) {
        report.baseline = Some(baseline::against_whole(known, file, &report));
    }
    report.past = history::past(&args.history, &report);
    let written = files::write(&mut report, &args.output);
    history::append(&args.history, &report);
    out.write_all(baseline::text(&report, &args.output).as_bytes())?;
    written.map(|()| baseline::exit(&report))
}

/// Where the evidence comes from, by its name below the whole's folder. Where two parts have files of one name, the
/// second gets its part's number before it.
fn evidence_copies(dirs: &[Utf8PathBuf], parts: &mut [Report]) -> BTreeMap<Utf8PathBuf, Utf8PathBuf> {
    let mut copies = BTreeMap::new();
    for (dir, part) in dirs.iter().zip(parts) {
        let number = part.run.shard.as_ref().map_or(0, |shard| shard.number);
        for file in &mut part.evidence {
            let from = dir.join(&file.path);
            if copies.contains_key(&file.path) {
                let name = format!("part-{number}.{}", file.path.file_name().unwrap_or_default());
                file.path.set_file_name(name);
            }
            copies.insert(file.path.clone(), from);
        }
    }
    copies
}

fn copy(from: &Utf8Path, to: &Utf8Path) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    // A link may lead anywhere.
    if !fs::symlink_metadata(from)?.is_file() {
        return Err(std::io::Error::other(format!("{from} is no file")));
    }
    // Half an archive is of no use.
    fs::copy(from, to).map(drop).inspect_err(|_| drop(fs::remove_file(to)))
}
