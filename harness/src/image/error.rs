//! Why there is no image to boot from.

use camino::Utf8PathBuf;
use miette::Diagnostic;

use super::{digest::Sha256Digest, qcow2::Qcow2Error, words::size};
use crate::folders::NoFolder;

/// Why an image could not be fetched, built or used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ImageError {
    /// No folder for images.
    #[error("there is no folder for images: {0}")]
    NoFolder(#[from] NoFolder),
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
    /// Nothing was fetched or built yet.
    #[error("the image of {distro} is not here")]
    Absent {
        /// The distro.
        distro: String,
        /// How to get it.
        #[help]
        help: String,
    },
    /// The user's own file is not what was asked for.
    #[error("the image of {distro} that {from} names, {path}, {problem}")]
    Own {
        /// The distro.
        distro: String,
        /// The variable or option.
        from: String,
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Another content than it must have.
    #[error(transparent)]
    #[diagnostic(help("{}", .0.help))]
    Mismatch(Box<Mismatch>),
    /// Nothing that can be booted from.
    #[error("{what} {problem}")]
    #[diagnostic(help("do not boot from it: what the place of the image has is no image that stands alone"))]
    Qcow2 {
        /// The file, or where it came from.
        what: String,
        /// What is wrong.
        problem: Qcow2Error,
    },
    /// No place gave the right file.
    #[error("failed to download the image of {distro}\n{}", .faults.join("\n"))]
    Download {
        /// The distro.
        distro: String,
        /// What went wrong at each place.
        faults: Vec<String>,
        /// What to do.
        #[help]
        help: Option<String>,
    },
    /// The publisher's account service did not give it.
    #[error("failed to ask Red Hat for the image of {distro}: {problem}")]
    Account {
        /// The distro.
        distro: String,
        /// What went wrong; holds no secret.
        problem: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// The program cannot download at all.
    #[error("failed to prepare downloads: {0}")]
    Client(String),
    /// A compressed file that cannot be unpacked.
    #[error("failed to unpack {path}: {problem}")]
    Unpack {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        problem: String,
    },
    /// The build could not be started.
    #[error("cannot build the image of {distro}: {problem}")]
    Build {
        /// The distro.
        distro: String,
        /// What is missing.
        problem: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// A program of the build failed.
    #[error("failed to build the image of {distro}: {program} ended with {status}\n{tail}")]
    #[diagnostic(help("all that it said is in {log}"))]
    BuildStep {
        /// The distro.
        distro: String,
        /// The program.
        program: &'static str,
        /// How it ended.
        status: String,
        /// What it said last.
        tail: String,
        /// Where the rest is.
        log: Utf8PathBuf,
    },
}

/// A file with another content than it must have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} is not the image of {distro}: its SHA-256 is {found}, expected {expected}")]
pub struct Mismatch {
    /// The distro.
    pub distro: String,
    /// The file.
    pub path: Utf8PathBuf,
    /// The sum that it must have.
    pub expected: Sha256Digest,
    /// The sum that it has.
    pub found: Sha256Digest,
    /// What to do.
    pub help: String,
}

impl From<Mismatch> for ImageError {
    fn from(mismatch: Mismatch) -> Self {
        Self::Mismatch(Box::new(mismatch))
    }
}

impl ImageError {
    /// What became of a file operation; a full disk is told apart.
    pub(super) fn io(doing: &'static str, path: &camino::Utf8Path, error: std::io::Error) -> Self {
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
    use super::ImageError;

    #[test]
    fn a_path_is_told_once() {
        let path = camino::Utf8Path::new("/dev/null/images");
        let error = fs_err::create_dir_all(path).expect_err("no folder");
        let text = ImageError::io("create", path, error).to_string();
        assert_eq!(text, "failed to create /dev/null/images: Not a directory (os error 20)");
    }
}
