//! The folder of a connection: its sockets, under a path that is short enough for them.

use std::{
    fs::{File, Permissions, TryLockError},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// Longest path of a folder in which OpenSSH can make its sockets: a socket's path has 107 bytes at most.
const LONGEST: usize = 60;

const PREFIX: &str = "pathlab-ssh-";

/// Locked by the harness for as long as it lives.
const LOCK: &str = "lock";

/// A folder that only this user may enter, gone with this value.
pub(super) struct Folder {
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// Makes one, and removes those of harnesses that were killed.
    pub(super) fn new() -> io::Result<Self> {
        let usual = std::env::temp_dir();
        Self::new_in(if usual.as_os_str().len() > LONGEST { Path::new("/tmp") } else { &usual })
    }

    fn new_in(base: &Path) -> io::Result<Self> {
        sweep(base)?;
        let folder =
            tempfile::Builder::new().prefix(PREFIX).permissions(Permissions::from_mode(0o700)).tempdir_in(base)?;
        // It appears with its lock held.
        let new = folder.path().join("lock.new");
        let lock = File::create_new(&new)?;
        lock.lock()?;
        std::fs::rename(new, folder.path().join(LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders whose owner is gone. Whether it is, the kernel says, also where its number means nothing here
/// (another PID namespace).
fn sweep(base: &Path) -> io::Result<()> {
    let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    for folder in std::fs::read_dir(base)?.filter_map(Result::ok).map(|entry| entry.path()).filter(ours) {
        // Another user's cannot be opened, and stays.
        let Ok(lock) = File::open(folder.join(LOCK)) else { continue };
        match lock.try_lock() {
            Ok(()) => drop(std::fs::remove_dir_all(&folder)),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Folder, LOCK, PREFIX};

    #[test]
    fn only_what_a_killed_harness_left_is_removed() {
        let base = tempfile::tempdir().expect("a folder");
        let living = Folder::new_in(base.path()).expect("a folder");
        let dead = base.path().join(format!("{PREFIX}dead"));
        let starting = base.path().join(format!("{PREFIX}starting"));
        let other = base.path().join("other");
        for folder in [&dead, &starting, &other] {
            fs_err::create_dir(folder).expect("made");
        }
        for folder in [&dead, &other] {
            fs_err::write(folder.join(LOCK), "").expect("written");
        }
        let another = Folder::new_in(base.path()).expect("a folder");
        let there = [living.path(), another.path(), &starting, &other].map(std::path::Path::exists);
        assert_eq!((there, dead.exists()), ([true; 4], false));
    }
}
