//! The lock that says that a lab has an owner.

use std::{
    fs::{File, TryLockError},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::MetadataExt as _,
    },
};

use camino::Utf8Path;

/// Name of the locked file in a lab's folder.
pub(super) const LOCK: &str = "lock";

/// A held lock. It belongs to the open file: a process that inherits the descriptor holds it too, and the kernel
/// lets go of it when the last of them has ended.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Takes the lock of a lab's folder; none when somebody holds it.
    pub(super) fn take(folder: &Utf8Path) -> io::Result<Option<Self>> {
        let path = folder.join(LOCK);
        loop {
            let file = File::options().read(true).write(true).open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // The lab may have been removed, and another one made, while the file was being opened.
            match std::fs::metadata(&path) {
                Ok(now) if now.ino() == file.metadata()?.ino() => return Ok(Some(Self(file))),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Creates and takes the lock of a folder that nobody else knows of yet.
    pub(super) fn create(folder: &Utf8Path) -> io::Result<Self> {
        let file = File::create_new(folder.join(LOCK))?;
        file.try_lock()?;
        Ok(Self(file))
    }

    /// A lock that another process has handed over.
    pub(super) fn inherited(descriptor: OwnedFd) -> Self {
        Self(descriptor.into())
    }

    /// Its descriptor, to hand it over.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.0.as_fd().try_clone_to_owned()
    }
}
