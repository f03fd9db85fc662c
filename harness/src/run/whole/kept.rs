//! Machines of a run that a later run uses again: parked at their checkpoint, in a lab of the ledger that nobody owns.

use std::{collections::BTreeMap, sync::Arc};

use camino::Utf8PathBuf;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Key,
    recipe::{WholeProvider, WholeRecipe},
    tools::Tools,
};
use crate::{
    hex,
    ledger::{About, Entry, LabName, Ledger, LedgerError, State},
    plan::ClusterPlan,
    provider::{MachineError, Wanted},
    run::{observation::HostFacts, snaps::Snaps},
};

/// What is known of the prepared hosts: a file in the lab's folder.
const FACTS: &str = "prepared.json";

/// The word in the ledger for the lock that was in force.
const LOCK: &str = "lock";

/// Counted on when machines are prepared otherwise: those that an earlier build has prepared are of no use, then.
const PREPARATION: u32 = 2;

/// Where the machines of one group are kept.
#[derive(Clone, Debug)]
pub(super) struct Keeping {
    name: LabName,
    /// The key of the lock: machines that were made under another one are of no use.
    lock: String,
}

impl Keeping {
    /// For the machines of this cluster; none where the recipe asks for no such thing.
    pub(super) fn of(recipe: &WholeRecipe, plan: &ClusterPlan, wanted: &[Wanted]) -> Option<Self> {
        let lock = recipe.reuse.clone()?;
        let hosts = match &recipe.provider {
            WholeProvider::Libvirt(libvirt) => format!("{:?}", libvirt.hosts),
            WholeProvider::Multipass { .. } => "multipass".to_owned(),
        };
        // Of which lock the machines are is compared by itself: a revision that comes from there, and files of it that this
        // host has downloaded, are not one more thing.
        let snaps = Snaps { locked: BTreeMap::new(), downloaded: BTreeMap::new(), ..recipe.snaps.clone() };
        let key = Key::of(&snaps, plan);
        // Whatever decides what these machines are like when they are prepared, and nothing else of the run.
        let version = env!("CARGO_PKG_VERSION");
        let all = format!("{version} {PREPARATION} {hosts} {:?} {key:?} {wanted:?} {:?}", recipe.epel, plan.machines);
        let name = format!("kept-{}", hex::of(&Sha256::digest(all)[..8])).parse().expect("letters, digits and hyphens");
        Some(Self { name, lock })
    }

    #[cfg(test)]
    pub(super) fn at(name: &str, lock: &str) -> Self {
        Self { name: name.parse().expect("a name"), lock: lock.to_owned() }
    }

    /// The lab that an earlier run has left for this one; none when there is none, it is in use, or it is of another lock:
    /// that one is removed.
    pub(super) async fn left(&self, tools: &Tools, host: usize) -> Result<Option<Arc<Entry>>, LedgerError> {
        let Some(entry) = tools.ledger.claim(&self.name)? else { return Ok(None) };
        let record = entry.record();
        if record.state == State::Kept && record.about.details[LOCK] == self.lock.as_str() {
            entry.reached(State::Making)?;
            return Ok(Some(Arc::new(entry)));
        }
        tools.remove(entry, host).await;
        Ok(None)
    }

    /// A lab for machines that are to be kept; one of the run's own where that is in use.
    pub(super) fn entry(&self, tools: &Tools) -> Result<Arc<Entry>, LedgerError> {
        let about = About::new(&tools.about.provider).details(json!({ "of": "reuse", LOCK: self.lock }));
        match tools.ledger.create(&self.name, about) {
            Err(LedgerError::Taken { .. }) => {
                let lab = &self.name;
                tracing::warn!("the lab `{lab}` is in use, or cannot be removed: making machines that are not kept");
                tools.entry()
            }
            created => created.map(Arc::new),
        }
    }

    /// Whether a lab is the one for machines that are to be kept.
    pub(super) fn is_of(&self, entry: &Entry) -> bool {
        entry.record().name == self.name
    }
}

/// Writes down what is known of prepared hosts.
pub(super) fn write_facts(entry: &Entry, facts: &HostFacts) -> Result<(), MachineError> {
    let written = serde_json::to_vec(facts).map_err(std::io::Error::from);
    written.and_then(|text| fs_err::write(path(entry), text)).map_err(|error| unusable(entry, &error.to_string()))
}

/// What was written down of hosts that were prepared by an earlier run.
pub(super) fn read_facts(entry: &Entry) -> Result<HostFacts, MachineError> {
    let text = fs_err::read(path(entry)).map_err(|error| unusable(entry, &error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| unusable(entry, &error.to_string()))
}

fn path(entry: &Entry) -> Utf8PathBuf {
    entry.folder().join(FACTS)
}

fn unusable(entry: &Entry, reason: &str) -> MachineError {
    let (machine, path) = (entry.record().name.to_string(), path(entry).into_string());
    MachineError::File { machine, path, reason: reason.to_owned() }
}

/// Says of machines that a run has kept that they are as this lock has it.
pub fn stamp(ledger: &Ledger, kept: &[LabName], lock: &str) -> Result<(), LedgerError> {
    for name in kept {
        let Some(entry) = ledger.claim(name)? else { continue };
        let mut about = entry.record().about;
        if let Value::Object(details) = &mut about.details {
            details.insert(LOCK.to_owned(), json!(lock));
        }
        entry.about(about)?;
    }
    Ok(())
}
