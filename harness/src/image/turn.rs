//! One process at a time changes an image; the others wait and then use what it made.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    sys::statvfs::statvfs,
};

use super::{error::ImageError, progress::Progress};

/// The right to change one image; ends with the value, or the process.
#[derive(Debug)]
pub(super) struct Turn {
    _lock: Flock<std::fs::File>,
}

impl Turn {
    /// Waits for it. The file stays: removing it would give the next two of them a turn each.
    pub(super) fn wait(image: &Utf8Path, distro: &str, progress: &Progress) -> Result<Self, ImageError> {
        let path: Utf8PathBuf = image.with_file_name(format!(".{}.lock", image.file_name().unwrap_or_default()));
        let file = fs::File::create(&path).map_err(|error| ImageError::io("write", &path, error))?;
        let failed = |errno: Errno| ImageError::io("lock", &path, errno.into());
        match Flock::lock(file.into_parts().0, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { _lock: lock }),
            Err((file, Errno::EWOULDBLOCK)) => {
                progress.line(&format!("{distro}: waiting for another process that is getting the image"));
                let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno))?;
                Ok(Self { _lock: lock })
            }
            Err((_, errno)) => Err(failed(errno)),
        }
    }
}

/// An error unless the folder's disk has this many bytes left.
pub(super) fn need_room(folder: &Utf8Path, needed: u64) -> Result<(), ImageError> {
    let disk = statvfs(folder.as_std_path()).map_err(|errno| ImageError::io("examine", folder, errno.into()))?;
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    if free < needed { Err(ImageError::Room { folder: folder.to_owned(), needed, free }) } else { Ok(()) }
}
