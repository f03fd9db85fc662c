//! Why there is no image to boot from.

use camino::Utf8PathBuf;
use miette::Diagnostic;

use super::qcow2::Qcow2Error;
use crate::{
    download::{DownloadError, Sha256Digest},
    folders::NoFolder,
};

/// Why an image could not be fetched, built or used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ImageError {
    /// No folder for images.
    #[error("there is no folder for images: {0}")]
    NoFolder(#[from] NoFolder),
    /// A file could not be downloaded, read or written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Download(#[from] DownloadError),
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
        DownloadError::io(doing, path, error).into()
    }
}
