//! `lab report`: renders a finished run again from its `report.json`.

use std::io::Write;

use super::{
    args::{ReportArgs, ReportCommand, ReportFormat},
    exit::Exit,
    failure::Failure,
    files, merge,
    run::ReportProblem,
};
use crate::report::{
    annotations, json, markdown,
    terminal::{self, TerminalStyle},
};

/// Writes the run's other files again and prints its summary; or prints it for a CI system.
pub fn run(args: &ReportArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    if let Some(ReportCommand::Merge(args)) = &args.command {
        return merge::run(args, out);
    }
    let dir = args.dir.clone().unwrap_or_default();
    let report = json::read(&dir.join("report.json")).map_err(|error| Failure::input(ReportProblem::new(&error)))?;
    let (text, written) = match args.format {
        ReportFormat::Markdown => (markdown::to_string(&report), Ok(())),
        ReportFormat::Annotations => (annotations::to_string(&report), Ok(())),
        ReportFormat::Text => {
            let written = files::write_again(&report, &dir);
            (terminal::render(&report, Some(&dir), TerminalStyle::detect()), written)
        }
    };
    out.write_all(text.as_bytes())?;
    written.map(|()| Exit::AsExpected)
}
