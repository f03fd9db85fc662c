//! `lab plan`: the cases, without launching anything.

use std::io::{self, Write};

use super::{
    args::{Format, PlanArgs},
    failure::Failure,
    run::check_files,
    select::select,
};
use crate::plan::render;

/// Prints the plan.
pub fn run(args: &PlanArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let selected = select(&args.selection)?;
    check_files(&selected)?;
    let text = match args.format {
        Format::Text => render::text(&selected.plan),
        Format::Json => render::json(&selected.plan).map_err(io::Error::from)?,
    };
    out.write_all(text.as_bytes())?;
    Ok(())
}
