//! `lab report`: renders a finished run again from its `report.json`.

use std::io::Write;

use super::{args::ReportArgs, failure::Failure, run::ReportProblem};
use crate::report::{self, json, terminal::TerminalStyle};

/// Writes the run's other files again and prints its summary.
pub fn run(args: &ReportArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let dir = &args.dir;
    let report = json::read(&dir.join("report.json")).map_err(|error| Failure::input(ReportProblem::new(&error)))?;
    report::write_all(&report, dir).map_err(|error| Failure::lab(ReportProblem::new(&error)))?;
    let text = report::terminal::render(&report, Some(dir), TerminalStyle::detect());
    out.write_all(text.as_bytes())?;
    Ok(())
}
