//! Files appear whole or not at all, and stay when the power fails.

use std::{
    fs::Permissions,
    io::{ErrorKind, Write as _},
    os::unix::fs::PermissionsExt as _,
};

use camino::Utf8Path;
use fs_err as fs;

use super::error::DownloadError;

/// Gives a finished file of the same folder its final name.
fn place(finished: &Utf8Path, name: &Utf8Path) -> Result<(), DownloadError> {
    let failed = |error| DownloadError::io("write", name, error);
    fs::File::open(finished).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(finished, name).map_err(failed)?;
    let folder = match name.parent() {
        Some(folder) if !folder.as_str().is_empty() => folder,
        _ => Utf8Path::new("."),
    };
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Gives a finished download its final name. It is never written to again.
pub(crate) fn read_only(finished: &Utf8Path, name: &Utf8Path) -> Result<(), DownloadError> {
    let mode = Permissions::from_mode(0o444);
    fs::set_permissions(finished, mode).map_err(|error| DownloadError::io("write", name, error))?;
    place(finished, name)
}

/// Writes a small file.
pub(crate) fn write(name: &Utf8Path, content: &[u8]) -> Result<(), DownloadError> {
    let unfinished = name.with_file_name(format!(".{}.unfinished", name.file_name().unwrap_or_default()));
    let written = fs::File::create(&unfinished).and_then(|mut file| file.write_all(content));
    let placed =
        written.map_err(|error| DownloadError::io("write", name, error)).and_then(|()| place(&unfinished, name));
    if placed.is_err() {
        // What is left of it helps nobody; the first error is the one to tell.
        drop(fs::remove_file(&unfinished));
    }
    placed
}

/// Removes a file that need not be there.
pub(crate) fn remove(path: &Utf8Path) -> Result<(), DownloadError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(DownloadError::io("remove", path, error)),
        _ => Ok(()),
    }
}
