//! Writing a file so that a reader sees a whole one or none, even after the power has failed.

use std::io::{self, Write as _};

use camino::Utf8Path;
use fs_err as fs;

/// Writes a file: to a temporary file beside it, to the disk, then under its name.
///
/// # Errors
/// The system's; what was there before still is.
pub fn write(path: &Utf8Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".pathlab-");
    #[cfg(unix)]
    {
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};
        // Less the umask, as any other file; a temporary file would be for its owner only.
        builder.permissions(Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(dir)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(dir)?.sync_all()
}
