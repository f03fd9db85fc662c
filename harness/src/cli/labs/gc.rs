//! `lab gc`: removes what labs that were killed have left.

use std::{io::Write, process::ExitCode};

use super::{
    super::{args::GcArgs, exit::Exit, failure::Failure},
    wait,
};
use crate::{
    lab::{OwnReaper, claim},
    ledger::{Ledger, State},
};

/// Removes the remains, all of them even when one fails.
pub fn run(args: &GcArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let ledger = Ledger::open().map_err(Failure::lab)?;
    let (mut found, mut worst) = (0, Exit::AsExpected);
    for name in ledger.labs().map_err(Failure::lab)? {
        let entry = match wait(claim(&ledger, &name))?.map_err(Failure::lab) {
            // Left on purpose, for a later run.
            Ok(Some(entry)) if entry.record().state == State::Kept => continue,
            Ok(Some(entry)) => entry,
            Ok(None) => continue,
            Err(failure) => {
                worst = failure.report();
                continue;
            }
        };
        found += 1;
        let resources = entry.remaining();
        let folder = entry.folder().to_owned();
        let all: Vec<String> = resources.iter().map(ToString::to_string).chain([format!("folder {folder}")]).collect();
        let all = all.join(", ");
        if args.dry_run {
            writeln!(out, "would remove the lab `{name}`: {all}")?;
            continue;
        }
        match wait(entry.take_down(&OwnReaper))? {
            Ok(()) => writeln!(out, "removed the lab `{name}`: {all}")?,
            Err(remains) => worst = Failure::lab(remains).report(),
        }
    }
    found += ledger.sweep(args.dry_run).map_err(Failure::lab)?;
    if found == 0 {
        writeln!(out, "Nothing is left of any lab that is gone.")?;
    }
    Ok(worst.into())
}
