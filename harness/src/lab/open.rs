//! A lab that is up, seen from outside.

use std::{sync::Arc, time::Duration};

use camino::Utf8PathBuf;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{
    LabError, PlaceError,
    cluster::KeptCluster,
    described::{ClusterView, Described},
    machine::KeptMachine,
    place::Found,
    protocol::{Ask, Fault},
    socket,
    start::LOG,
};
use crate::{
    cluster::Cluster,
    ledger::{LabName, Ledger, LedgerError, Record, State},
    provider::{
        Machine,
        wire::{receive, send},
    },
    run::{Kept, Maker},
    suggest,
};

/// How long a keeper may take to say what is there: one that has just started writes its ledger to a disk first. The
/// connection of one that has ended is closed at once.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a keeper may take to end its lab: whatever of it takes longest, and more.
const DOWN_LIMIT: Duration = Duration::from_secs(150);

/// A lab that is up.
pub struct Lab {
    /// What the ledger says of it.
    pub record: Record,
    /// What its keeper says of it.
    pub described: Described,
    folder: Arc<Utf8PathBuf>,
}

impl Lab {
    /// Finds the lab of this name and asks its keeper what is there.
    pub async fn open(ledger: &Ledger, name: &str) -> Result<Self, LabError> {
        let record = known(ledger, name)?;
        let folder = Arc::new(ledger.folder(&record.name));
        let described = match ask(&folder, &Ask::Describe, LIMIT).await {
            Ok(described) => described,
            Err(_) if known_owner(ledger, &record)? => return Err(LabError::Making { name: record.name }),
            Err(reason) => return Err(LabError::Silent { name: record.name, reason }),
        };
        Ok(Self { record, described, folder })
    }

    /// A machine of it by name.
    pub fn machine(&self, name: &str) -> Result<(Found, Arc<dyn Machine>), PlaceError> {
        let found = self.described.find(self.record.name.as_str(), name)?;
        let view = &self.described.clusters[found.cluster].machines[found.machine];
        let machine = KeptMachine {
            name: view.name.clone(),
            cluster: found.cluster,
            machine: found.machine,
            folder: Arc::clone(&self.folder),
        };
        Ok((found, Arc::new(machine)))
    }

    /// The cluster with the id of a part of the plan.
    #[must_use]
    pub fn cluster(&self, id: &str) -> Option<(&ClusterView, Box<dyn Cluster>)> {
        let index = self.described.clusters.iter().position(|cluster| cluster.id == id)?;
        let view = &self.described.clusters[index];
        Some((view, Box::new(KeptCluster::new(index, view, &self.folder))))
    }

    /// All of its clusters, for a run that leaves them as they are.
    #[must_use]
    pub fn maker(&self) -> Maker {
        let Described { provider, cluster, host, clusters } = &self.described;
        let kept = Kept::new(*provider, *cluster, host.clone());
        Maker::Kept(clusters.iter().enumerate().fold(kept, |kept, (index, view)| {
            let (seen, folder) = (view.clone(), Arc::clone(&self.folder));
            let look = move || Box::new(KeptCluster::new(index, &seen, &folder)) as Box<dyn Cluster>;
            kept.with(view.id.clone(), Box::new(look), view.before.clone())
        }))
    }

    /// Asks a lab's keeper to end it, and waits until it has. Whether that worked, the ledger says.
    pub async fn end(ledger: &Ledger, name: &LabName) -> Result<(), String> {
        ask::<()>(&ledger.folder(name), &Ask::Down, DOWN_LIMIT).await
    }
}

/// What the ledger says of a lab that has an owner.
fn known(ledger: &Ledger, name: &str) -> Result<Record, LabError> {
    let Ok(parsed) = name.parse::<LabName>() else { return Err(unknown(ledger, name)?) };
    match ledger.read(&parsed)? {
        None => Err(unknown(ledger, name)?),
        Some((record, true)) => Ok(record),
        Some((record, false)) => {
            let log = ledger.folder(&parsed).join(LOG);
            Err(LabError::Gone { name: parsed, pid: record.owner.pid, log })
        }
    }
}

/// The error for a name that is no lab's.
pub fn unknown(ledger: &Ledger, name: &str) -> Result<LabError, LedgerError> {
    let labs = ledger.labs()?;
    let help = if labs.is_empty() {
        "there are none: `lab up NAME` makes one".to_owned()
    } else {
        suggest::help(name, labs.iter().map(LabName::as_str))
    };
    Ok(LabError::Unknown { name: name.to_owned(), help })
}

/// Whether the lab is still being made.
fn known_owner(ledger: &Ledger, record: &Record) -> Result<bool, LabError> {
    Ok(matches!(ledger.read(&record.name)?, Some((Record { state: State::Making, .. }, true))))
}

async fn ask<T: DeserializeOwned>(folder: &camino::Utf8Path, ask: &Ask, limit: Duration) -> Result<T, String> {
    let answered = timeout(limit, async {
        let mut stream = socket::connect(folder).await?;
        send(&mut stream, ask).await?;
        receive::<_, Result<T, Fault>>(&mut stream).await
    });
    match answered.await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(Fault::Other(reason)))) => Err(reason),
        Ok(Ok(Err(Fault::Machine(error)))) => Err(error.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {limit:?}")),
    }
}
