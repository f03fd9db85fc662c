//! One process at a time changes a file that is kept; the others wait and then use what it made.

use std::os::fd::{AsRawFd, RawFd};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    sys::statvfs::statvfs,
};

use super::{error::DownloadError, progress::Progress};

/// The right to change one file; ends with the value, or the process.
#[derive(Debug)]
pub(crate) struct Turn {
    lock: Flock<std::fs::File>,
}

impl AsRawFd for Turn {
    /// Programs that inherit it keep the turn for as long as they run.
    fn as_raw_fd(&self) -> RawFd {
        self.lock.as_raw_fd()
    }
}

impl Turn {
    /// Waits for it; `label` and `what` are for who waits. The lock's file stays: removing it would give the next two of
    /// them a turn each.
    pub(crate) fn wait(file: &Utf8Path, label: &str, what: &str, progress: &Progress) -> Result<Self, DownloadError> {
        let path: Utf8PathBuf = file.with_file_name(format!(".{}.lock", file.file_name().unwrap_or_default()));
        let file = fs::File::create(&path).map_err(|error| DownloadError::io("write", &path, error))?;
        let failed = |errno: Errno| DownloadError::io("lock", &path, errno.into());
        match Flock::lock(file.into_parts().0, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { lock }),
            Err((file, Errno::EWOULDBLOCK)) => {
                progress.line(&format!("{label}: waiting for another process that is getting {what}"));
                let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno))?;
                Ok(Self { lock })
            }
            Err((_, errno)) => Err(failed(errno)),
        }
    }
}

/// An error unless the folder's disk has this many bytes left.
pub(crate) fn need_room(folder: &Utf8Path, needed: u64) -> Result<(), DownloadError> {
    let disk = statvfs(folder.as_std_path()).map_err(|errno| DownloadError::io("examine", folder, errno.into()))?;
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    if free < needed { Err(DownloadError::Room { folder: folder.to_owned(), needed, free }) } else { Ok(()) }
}
