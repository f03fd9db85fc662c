//! `lab down`: ends labs that are up.

use std::{io::Write, process::ExitCode};

use super::{
    super::{args::DownArgs, exit::Exit, failure::Failure},
    refused, wait,
};
use crate::{
    lab::{Lab, LabError, OwnReaper, claim, unknown},
    ledger::{LabName, Ledger, Reaper as _, Record, Resource, State},
};

/// Ends the labs, all of them even when one fails.
pub fn run(args: &DownArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let ledger = Ledger::open().map_err(Failure::lab)?;
    let names = match &args.name {
        Some(name) => vec![named(&ledger, name)?],
        None => ledger.labs().map_err(Failure::lab)?,
    };
    if names.is_empty() {
        writeln!(out, "No lab is up.")?;
    }
    let mut worst = Exit::AsExpected;
    for name in names {
        match wait(end(&ledger, &name))? {
            Ok(what) => writeln!(out, "The lab `{name}` {what}.")?,
            Err(failure) => worst = failure.report(),
        }
    }
    Ok(worst.into())
}

fn named(ledger: &Ledger, name: &str) -> Result<LabName, Failure> {
    let labs = ledger.labs().map_err(Failure::lab)?;
    match labs.into_iter().find(|lab| lab.as_str() == name) {
        Some(lab) => Ok(lab),
        None => Err(refused(unknown(ledger, name).unwrap_or_else(LabError::from))),
    }
}

/// Ends a lab, and says how it was.
pub(super) async fn end(ledger: &Ledger, name: &LabName) -> Result<&'static str, Failure> {
    let ledger_error = |error| Failure::lab(LabError::from(error));
    let mut said = "was gone already; its remains are removed";
    let known = ledger.read(name).map_err(ledger_error)?;
    if let Some((Record { state: State::Kept, .. }, false)) = known {
        said = "was kept for later runs, and is removed";
    }
    if let Some((record, true)) = known {
        said = "is down";
        if let Err(reason) = Lab::end(ledger, name).await {
            tracing::debug!("{name}: its keeper did not end it: {reason}");
            let keepers = record.resources.iter().map(|held| &held.resource);
            let keepers = keepers.filter(|resource| matches!(resource, Resource::Keeper { .. }));
            for keeper in keepers {
                OwnReaper.reap(&record, keeper).await.map_err(|error| {
                    Failure::lab(LabError::Silent { name: name.clone(), reason: error.to_string() })
                })?;
            }
        }
    }
    // Nothing is left to claim when its keeper has done it all.
    if let Some(entry) = claim(ledger, name).await.map_err(ledger_error)? {
        entry.take_down(&OwnReaper).await.map_err(Failure::lab)?;
    } else if let Some((record, true)) = ledger.read(name).map_err(ledger_error)? {
        return Err(Failure::lab(LabError::InUse { name: name.clone(), pid: record.owner.pid }));
    }
    Ok(said)
}
