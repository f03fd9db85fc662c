//! Taking over labs whose owner has ended.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::ledger::{Entry, LabName, Ledger, LedgerError, Record, State};

/// How long a keeper may take to end after whoever asked for its lab has gone, and what it has started to let go of the
/// lock.
const PARTING: Duration = Duration::from_secs(15);

/// How long the keeper of a lab that does not answer, although it was just up, may take to end.
const LOSS: Duration = Duration::from_secs(2);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Takes a lab over that has no owner. One that is being made for somebody who has gone loses its own in a moment.
pub async fn claim(ledger: &Ledger, name: &LabName) -> Result<Option<Entry>, LedgerError> {
    claim_within(ledger, name, PARTING, is_ending).await
}

/// Takes a lab over that was just up and does not answer: its keeper was killed. None where it goes on.
pub async fn claim_lost(ledger: &Ledger, name: &LabName) -> Result<Option<Entry>, LedgerError> {
    claim_within(ledger, name, LOSS, |_| true).await
}

async fn claim_within(
    ledger: &Ledger,
    name: &LabName,
    limit: Duration,
    may_end: impl Fn(&Record) -> bool,
) -> Result<Option<Entry>, LedgerError> {
    let end = Instant::now() + limit;
    loop {
        if let Some(entry) = ledger.claim(name)? {
            return Ok(Some(entry));
        }
        match ledger.read(name)? {
            Some((record, _)) if may_end(&record) && Instant::now() < end => sleep(PAUSE).await,
            _ => return Ok(None),
        }
    }
}

/// Whether a lab is about to lose its owner: that one is ending itself, or has ended a moment ago.
fn is_ending(record: &Record) -> bool {
    let nobody_waits = matches!(record.state, State::Making | State::Down) && !record.asked_by.lives();
    nobody_waits || !record.owner.lives()
}
