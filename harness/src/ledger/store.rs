//! The ledgers of all labs of this user.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt as _,
    time::{SystemTime, UNIX_EPOCH},
};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, RenameFlags, renameat2},
};

use super::{
    About, Entry, LabName, LedgerError, ProcessId, Record, State,
    entry::{read, write},
    lock::Lock,
};
use crate::folders;

/// What the folders of labs that are not in the ledger yet start with: no lab's name does.
const NEW: &str = ".new-";

/// The ledgers of all labs of this user.
#[derive(Clone, Debug)]
pub struct Ledger {
    root: Utf8PathBuf,
}

impl Ledger {
    /// The ledger in the user's state folder.
    pub fn open() -> Result<Self, LedgerError> {
        Ok(Self::at(folders::state()?.join("labs")))
    }

    /// The ledger in this folder.
    #[must_use]
    pub const fn at(root: Utf8PathBuf) -> Self {
        Self { root }
    }

    /// The folder of the lab of this name, whether there is one or not.
    #[must_use]
    pub fn folder(&self, name: &LabName) -> Utf8PathBuf {
        self.root.join(name.as_str())
    }

    /// Makes a lab known, before anything of it exists, with this process as its owner. Of several processes that
    /// try the same name at the same time, one gets it.
    pub fn create(&self, name: &LabName, about: About) -> Result<Entry, LedgerError> {
        let folder = self.folder(name);
        let failed = || LedgerError::file("failed to create the lab's folder", &folder);
        let owner = ProcessId::own().ok_or_else(|| failed()(ErrorKind::NotFound.into()))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let id = format!("{name}-{:x}-{now:x}", owner.pid);
        let record = Record {
            format: 1,
            name: name.clone(),
            created_at: Timestamp::now(),
            state: State::Making,
            resources: Vec::new(),
            id,
            asked_by: owner.clone(),
            owner,
            about,
        };
        private_folders(&self.root).map_err(failed())?;
        let new = self.root.join(format!("{NEW}{}", record.id));
        private_folder(&new).map_err(failed())?;
        let lock = Lock::create(&new).map_err(failed())?;
        write(&new, &record)?;
        // Appears with its lock held and its ledger written, or not at all.
        match renameat2(AT_FDCWD, new.as_std_path(), AT_FDCWD, folder.as_std_path(), RenameFlags::RENAME_NOREPLACE) {
            Ok(()) => Ok(Entry::new(folder, record, lock)),
            Err(error) => {
                // The folder is this process's own, and unknown to others.
                drop(fs::remove_dir_all(&new));
                Err(if error == Errno::EEXIST { self.taken(name) } else { failed()(error.into()) })
            }
        }
    }

    fn taken(&self, name: &LabName) -> LedgerError {
        let (state, help) = match self.read(name) {
            Ok(Some((_, false))) => ("gone", format!("clear it away with `lab gc`, or `lab down {name}`")),
            Ok(Some((Record { state: State::Making, .. }, true))) => ("being made", "choose another name".to_owned()),
            Ok(_) | Err(_) => ("up", format!("choose another name, or end that one with `lab down {name}`")),
        };
        LedgerError::Taken { name: name.clone(), state, help }
    }

    /// What is known of a lab and whether it has an owner; none when there is no such lab.
    pub fn read(&self, name: &LabName) -> Result<Option<(Record, bool)>, LedgerError> {
        let folder = self.folder(name);
        if !folder.exists() {
            return Ok(None);
        }
        let owned = match Lock::take(&folder) {
            Ok(lock) => lock.is_none(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LedgerError::file("failed to lock", &folder)(error)),
        };
        match read(&folder) {
            Ok(record) => Ok(Some((record, owned))),
            Err(LedgerError::File { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The labs that the ledger knows, in the order of their names.
    pub fn labs(&self) -> Result<Vec<LabName>, LedgerError> {
        let mut names: Vec<LabName> = self.entries()?.iter().filter_map(|name| name.parse().ok()).collect();
        names.sort();
        Ok(names)
    }

    /// Takes a lab over whose owner has ended; none when it has an owner, or there is no such lab.
    pub fn claim(&self, name: &LabName) -> Result<Option<Entry>, LedgerError> {
        let folder = self.folder(name);
        match Lock::take(&folder) {
            Ok(Some(lock)) => Ok(Some(Entry::new(folder.clone(), read(&folder)?, lock))),
            Ok(None) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LedgerError::file("failed to lock", &folder)(error)),
        }
    }

    /// Removes folders of labs that were killed before they had a name, and returns how many there were.
    pub fn sweep(&self, dry_run: bool) -> Result<usize, LedgerError> {
        let mut swept = 0;
        for name in self.entries()?.iter().filter(|name| name.starts_with(NEW)) {
            let folder = self.root.join(name);
            let owner = name.rsplit('-').nth(1).and_then(|pid| i32::from_str_radix(pid, 16).ok());
            // Its maker may be about to lock it; a number that lives on as another process only delays this.
            if owner.and_then(ProcessId::of).is_some() {
                continue;
            }
            swept += 1;
            if !dry_run {
                fs::remove_dir_all(&folder).map_err(LedgerError::file("failed to remove", &folder))?;
            }
        }
        Ok(swept)
    }

    fn entries(&self) -> Result<Vec<String>, LedgerError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(LedgerError::file("failed to list the labs", &self.root)(error)),
        };
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
    }
}

fn private_folder(path: &Utf8Path) -> std::io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

fn private_folders(path: &Utf8Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests;
