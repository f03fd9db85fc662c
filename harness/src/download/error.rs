//! Why a file is not here.

use camino::Utf8PathBuf;
use miette::Diagnostic;

use super::words::size;

/// Why a file could not be brought here, or kept.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum DownloadError {
    /// The machine did not let us.
    #[error("failed to {doing} {path}: {reason}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: Utf8PathBuf,
        /// Why not.
        reason: std::io::Error,
    },
    /// Not enough room.
    #[error("no room in {folder}: {} are needed, {} are free", size(*.needed), size(*.free))]
    #[diagnostic(help("free some, or name another disk's folder in XDG_CACHE_HOME"))]
    Room {
        /// Where.
        folder: Utf8PathBuf,
        /// Bytes that are still needed.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The disk was full while something was written.
    #[error("no room in {folder}: the disk is full")]
    #[diagnostic(help("free some, or name another disk's folder in XDG_CACHE_HOME; what had arrived was removed"))]
    Full {
        /// Where.
        folder: Utf8PathBuf,
    },
    /// No place gave the right file.
    #[error("failed to download {what}\n{}", .faults.join("\n"))]
    Failed {
        /// What it is.
        what: String,
        /// What went wrong at each place.
        faults: Vec<String>,
        /// What to do.
        #[help]
        help: Option<String>,
    },
    /// The program cannot download at all.
    #[error("failed to prepare downloads: {0}")]
    Client(String),
}

impl DownloadError {
    /// What became of a file operation; a full disk is told apart.
    pub(crate) fn io(doing: &'static str, path: &camino::Utf8Path, error: std::io::Error) -> Self {
        if [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded].contains(&error.kind()) {
            let folder = path.parent().unwrap_or(path).to_owned();
            return Self::Full { folder };
        }
        Self::Io { doing, path: path.to_owned(), reason: plain(error) }
    }
}

/// The error without the path that `fs_err` puts in front: the message has it already. It keeps the system's own error
/// to itself, and quotes it behind the path.
fn plain(error: std::io::Error) -> std::io::Error {
    let text = error.to_string();
    match text.rsplit_once("`: ") {
        Some((_, reason)) if error.raw_os_error().is_none() => std::io::Error::new(error.kind(), reason),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::DownloadError;

    #[test]
    fn a_path_is_told_once() {
        let path = camino::Utf8Path::new("/dev/null/images");
        let error = fs_err::create_dir_all(path).expect_err("no folder");
        let text = DownloadError::io("create", path, error).to_string();
        assert_eq!(text, "failed to create /dev/null/images: Not a directory (os error 20)");
    }
}
