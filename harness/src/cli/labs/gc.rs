//! `lab gc`: removes what labs that were killed have left.

use std::{io::Write, process::ExitCode, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    super::{args::GcArgs, exit::Exit, failure::Failure},
    wait,
};
use crate::{
    lab::OwnReaper,
    ledger::{Entry, LabName, Ledger, Record, State},
};

/// How long a keeper may take to end after whoever asked for its lab has gone.
const PARTING: Duration = Duration::from_secs(15);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Removes the remains, all of them even when one fails.
pub fn run(args: &GcArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let ledger = Ledger::open().map_err(Failure::lab)?;
    let (mut found, mut worst) = (0, Exit::AsExpected);
    for name in ledger.labs().map_err(Failure::lab)? {
        let entry = match wait(claim(&ledger, &name))? {
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

/// Whether a lab is about to lose its owner: that one is ending itself, or has ended a moment ago.
fn is_ending(record: &Record) -> bool {
    let nobody_waits = matches!(record.state, State::Making | State::Down) && !record.asked_by.lives();
    nobody_waits || !record.owner.lives()
}

/// Takes a lab over that has no owner. One that is being made for somebody who has gone loses its own in a moment.
async fn claim(ledger: &Ledger, name: &LabName) -> Result<Option<Entry>, Failure> {
    let end = Instant::now() + PARTING;
    loop {
        if let Some(entry) = ledger.claim(name).map_err(Failure::lab)? {
            return Ok(Some(entry));
        }
        match ledger.read(name).map_err(Failure::lab)? {
            Some((record, _)) if is_ending(&record) && Instant::now() < end => sleep(PAUSE).await,
            _ => return Ok(None),
        }
    }
}
