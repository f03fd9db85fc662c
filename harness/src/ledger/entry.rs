//! A lab in the ledger, held by its owner.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::fd::OwnedFd,
    sync::{Mutex, MutexGuard, PoisonError},
};

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    About, Held, LedgerError, ProcessId, Reaper, Record, Remains, Resource, Stage, State, error::RemainsError,
    lock::Lock,
};

/// Name of the file in a lab's folder.
const FILE: &str = "ledger.json";

/// A lab in the ledger. While this value lives, in this process or one that inherited its lock, the lab has an
/// owner and `lab gc` leaves it alone. Dropping it removes nothing.
#[derive(Debug)]
pub struct Entry {
    folder: Utf8PathBuf,
    record: Mutex<Record>,
    lock: Lock,
}

impl Entry {
    pub(super) fn new(folder: Utf8PathBuf, record: Record, lock: Lock) -> Self {
        Self { folder, record: Mutex::new(record), lock }
    }

    /// Takes a lab over whose owner handed its lock over, and writes this process down as the owner.
    pub fn adopt(folder: &Utf8Path, lock: OwnedFd) -> Result<Self, LedgerError> {
        let entry = Self::new(folder.to_owned(), read(folder)?, Lock::inherited(lock));
        entry.change(|record| record.owner = ProcessId::own().unwrap_or_else(|| record.owner.clone()))?;
        Ok(entry)
    }

    /// The lab's folder: its owner may keep small files there, which go with it.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// What the ledger says.
    #[must_use]
    pub fn record(&self) -> Record {
        self.locked().clone()
    }

    /// A descriptor that holds the lab's lock, for a process that takes it over with [`Self::adopt`].
    pub fn lock(&self) -> Result<OwnedFd, LedgerError> {
        self.lock.descriptor().map_err(LedgerError::file("failed to hand the lock over", &self.folder))
    }

    /// Writes down that a resource is about to be created. It is on the disk when this returns.
    pub fn will_create(&self, resource: &Resource) -> Result<(), LedgerError> {
        self.change(|record| {
            if record.resources.iter().all(|held| held.resource != *resource) {
                record.resources.push(Held { resource: resource.clone(), stage: Stage::Planned });
            }
        })
    }

    /// Writes down that a resource exists.
    pub fn created(&self, resource: &Resource) -> Result<(), LedgerError> {
        self.will_create(resource)?;
        self.change(|record| {
            for held in record.resources.iter_mut().filter(|held| held.resource == *resource) {
                held.stage = Stage::Made;
            }
        })
    }

    /// Writes down that a resource is to be removed before all others.
    pub fn comes_last(&self, resource: &Resource) -> Result<(), LedgerError> {
        self.change(|record| {
            let (named, others): (Vec<_>, Vec<_>) =
                record.resources.drain(..).partition(|held| held.resource == *resource);
            record.resources = others.into_iter().chain(named).collect();
        })
    }

    /// Writes down that a resource is gone.
    pub fn removed(&self, resource: &Resource) -> Result<(), LedgerError> {
        self.change(|record| record.resources.retain(|held| held.resource != *resource))
    }

    /// Writes down how far the lab has come.
    pub fn reached(&self, state: State) -> Result<(), LedgerError> {
        self.change(|record| record.state = state)
    }

    /// Writes down what else is known of the lab.
    pub fn about(&self, about: About) -> Result<(), LedgerError> {
        self.change(|record| record.about = about)
    }

    /// What may still exist, in the order of making.
    #[must_use]
    pub fn remaining(&self) -> Vec<Resource> {
        self.locked().resources.iter().map(|held| held.resource.clone()).collect()
    }

    /// Removes every resource, the newest first, and then the lab from the ledger. Goes on after an error; what
    /// could not be removed stays in the ledger. What was only planned is removed once more in the end: whoever was asked
    /// for it by a process that was killed may have made it after it was not there yet.
    pub async fn take_down(self, reaper: &dyn Reaper) -> Result<(), Remains> {
        let mut errors = Vec::new();
        errors.extend(self.reached(State::Down).err().map(RemainsError::from));
        let record = self.record();
        let mut again = Vec::new();
        for held in record.resources.iter().rev() {
            match reaper.reap(&record, &held.resource).await {
                Ok(()) if held.stage == Stage::Planned => again.push(held),
                Ok(()) => errors.extend(self.removed(&held.resource).err().map(RemainsError::from)),
                Err(error) => errors.push(RemainsError::Reap { resource: held.resource.clone(), error }),
            }
        }
        for held in again {
            match reaper.reap(&record, &held.resource).await {
                Ok(()) => errors.extend(self.removed(&held.resource).err().map(RemainsError::from)),
                Err(error) => errors.push(RemainsError::Reap { resource: held.resource.clone(), error }),
            }
        }
        let resources = self.remaining();
        if resources.is_empty() {
            errors.extend(self.forget().err().map(RemainsError::from));
        }
        if errors.is_empty() { Ok(()) } else { Err(Remains { name: record.name, errors, resources }) }
    }

    /// Removes the lab's folder; the ledger goes last, so that a kill in between leaves what can be told.
    fn forget(&self) -> Result<(), LedgerError> {
        let failed = || LedgerError::file("failed to remove the lab's folder", &self.folder);
        for entry in fs::read_dir(&self.folder).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let last = [FILE, super::lock::LOCK].iter().any(|name| entry.file_name() == *name);
            if !last {
                let removed = if entry.file_type().map_err(failed())?.is_dir() {
                    fs::remove_dir_all(entry.path())
                } else {
                    fs::remove_file(entry.path())
                };
                removed.map_err(failed())?;
            }
        }
        fs::remove_dir_all(&self.folder).map_err(failed())
    }

    fn change(&self, change: impl FnOnce(&mut Record)) -> Result<(), LedgerError> {
        let mut record = self.locked();
        change(&mut record);
        write(&self.folder, &record)
    }

    fn locked(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the ledger of a lab's folder.
pub(super) fn read(folder: &Utf8Path) -> Result<Record, LedgerError> {
    let path = folder.join(FILE);
    let text = fs::read_to_string(&path).map_err(LedgerError::file("failed to read the ledger", &path))?;
    serde_json::from_str(&text).map_err(|error| LedgerError::Unreadable { path, reason: error.to_string() })
}

/// Writes the ledger of a lab's folder: whole or not at all, and on the disk when this returns.
pub(super) fn write(folder: &Utf8Path, record: &Record) -> Result<(), LedgerError> {
    let path = folder.join(FILE);
    written(folder, &path, record).map_err(LedgerError::file("failed to write the ledger", &path))
}

fn written(folder: &Utf8Path, path: &Utf8Path, record: &Record) -> io::Result<()> {
    let new = folder.join("ledger.json.new");
    let mut file = File::create(&new)?;
    file.write_all(&serde_json::to_vec_pretty(record)?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}
