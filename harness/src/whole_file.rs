//! Writing a file so that a reader sees a whole one or none, even after the power has failed.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::fs::{OpenOptionsExt as _, PermissionsExt},
    },
};

use camino::Utf8Path;
use nix::{
    fcntl::{AT_FDCWD, AtFlags, OFlag},
    unistd::linkat,
};
use tempfile::TempPath;

/// As any other file, less the umask; a temporary file would be for its owner only.
const MODE: u32 = 0o666;

/// Writes a file: without a name beside it, to the disk, then under its name. Whatever ends the program meanwhile leaves
/// nothing, but on file systems that have no files without a name, and in the instant (tens of microseconds) in which the
/// whole file has a name of its own: no system call gives it the name of another one.
///
/// # Errors
/// The system's; what was there before still is.
pub fn write(path: &Utf8Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    written(dir, content)?.persist(path)?;
    File::open(dir)?.sync_all()
}

/// The content in a file that is ready to get its name.
fn written(dir: &Utf8Path, content: &[u8]) -> io::Result<TempPath> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".pathlab-").permissions(PermissionsExt::from_mode(MODE));
    let nameless = OpenOptions::new().write(true).mode(MODE).custom_flags(OFlag::O_TMPFILE.bits()).open(dir);
    if let Ok(mut file) = nameless {
        fill(&mut file, content)?;
        let it = format!("/proc/self/fd/{}", file.as_raw_fd());
        let named =
            builder.make_in(dir, |name| Ok(linkat(AT_FDCWD, it.as_str(), AT_FDCWD, name, AtFlags::AT_SYMLINK_FOLLOW)?));
        if let Ok(named) = named {
            return Ok(named.into_temp_path());
        }
    }
    let mut file = builder.tempfile_in(dir)?;
    fill(file.as_file_mut(), content)?;
    Ok(file.into_temp_path())
}

fn fill(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    file.sync_all()
}
