//! A whole download: place after place, try after try, until the right file is here.

use std::time::Duration;

use reqwest::Url;

use super::{
    error::DownloadError,
    part::Part,
    transfer::{Stop, Wanted, transfer},
    words::{place, size},
};

/// How often a place is tried when transfers fail on their way.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Brings the part of a file to the one with the wanted sum. The part stays when places fail, so that the next call goes
/// on where this one ended.
pub(crate) async fn download(wanted: &Wanted<'_>, places: &[Url]) -> Result<(), DownloadError> {
    let mut faults = Vec::new();
    for url in places {
        match from_place(wanted, url).await {
            Ok(()) => return Ok(()),
            Err(Stop::Here(error)) => {
                wanted.progress.end();
                // A full disk is freed, and of nothing nothing stays.
                if matches!(error, DownloadError::Full { .. }) || Part::bytes(wanted.file) == 0 {
                    Part::remove(wanted.file)?;
                }
                return Err(error);
            }
            Err(Stop::Transport(fault) | Stop::Refused(fault)) => {
                wanted.progress.end();
                faults.push(format!("  {}: {fault}", place(url)));
            }
        }
    }
    let arrived = Part::bytes(wanted.file);
    if arrived == 0 {
        Part::remove(wanted.file)?;
    }
    let again = (arrived > 0).then(|| format!("the same again goes on after the {} that arrived", size(arrived)));
    let help: Vec<String> = again.into_iter().chain(wanted.otherwise.map(str::to_owned)).collect();
    let help = (!help.is_empty()).then(|| help.join("\n"));
    Err(DownloadError::Failed { what: wanted.what.to_owned(), faults, help })
}

async fn from_place(wanted: &Wanted<'_>, url: &Url) -> Result<(), Stop> {
    let (mut tries, mut pause) = (0, FIRST_PAUSE);
    loop {
        tries += 1;
        let mut part = Part::open(wanted.file, &wanted.sum)?;
        let old = part.length();
        match transfer(wanted, url, &mut part).await {
            Ok(()) if part.sum() == wanted.sum => return Ok(()),
            // Bytes of an earlier download were part of it: perhaps those are the wrong ones.
            Ok(()) if old > 0 && tries < TRIES => {
                wanted.progress.end();
                let line = format!("{}: what arrived before does not fit to the rest, starting anew", wanted.label);
                wanted.progress.line(&line);
                part.empty()?;
            }
            Ok(()) => {
                let (length, name) = (size(part.length()), wanted.sum.name());
                let fault = format!("sent {length} with the {name} {}, expected {}", part.sum(), wanted.sum);
                part.empty()?;
                return Err(Stop::Refused(fault));
            }
            Err(Stop::Transport(fault)) if tries < TRIES => {
                wanted.progress.end();
                wanted.progress.line(&format!("{}: {}: {fault}; trying again", wanted.label, place(url)));
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(Stop::Refused(fault)) => {
                // What is here may be of another place, and right; what this place sent from the start is not.
                if old == 0 {
                    part.empty()?;
                }
                return Err(Stop::Refused(fault));
            }
            Err(stop) => return Err(stop),
        }
    }
}
