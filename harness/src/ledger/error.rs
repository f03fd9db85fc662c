//! Why the ledger, or taking a lab down, did not work.

use std::{fmt, io};

use camino::Utf8PathBuf;
use miette::Diagnostic;

use super::{LabName, ReapError, Resource};
use crate::folders::NoFolder;

/// Why the ledger could not be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LedgerError {
    /// Nobody says where it is.
    #[error("found no place for the ledger of labs: {0}")]
    #[diagnostic(help("set HOME to your home folder"))]
    NoPlace(#[from] NoFolder),
    /// The name is in use.
    #[error("there is a lab `{name}` already ({state})")]
    #[diagnostic(help("{help}"))]
    Taken {
        /// The name.
        name: LabName,
        /// How that lab is.
        state: &'static str,
        /// What to do.
        help: String,
    },
    /// A file or folder of the ledger.
    #[error("{path}: {doing}: {source}")]
    File {
        /// Which.
        path: Utf8PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A ledger that cannot be read.
    #[error("{path}: is no ledger of this version: {reason}")]
    #[diagnostic(help("if nothing of that lab runs any more, remove its folder"))]
    Unreadable {
        /// Its file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl LedgerError {
    /// Makes errors of files.
    pub(super) fn file(doing: &'static str, path: &camino::Utf8Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, doing, source }
    }
}

/// What is left of a lab after it was taken down: every error, then every resource that still is in the ledger.
#[derive(Debug)]
pub struct Remains {
    /// The lab.
    pub name: LabName,
    /// What did not work, in order.
    pub errors: Vec<RemainsError>,
    /// What remains, from the ledger.
    pub resources: Vec<Resource>,
}

/// One thing that did not work.
#[derive(Debug, thiserror::Error)]
pub enum RemainsError {
    /// A resource.
    #[error("{resource}: {error}")]
    Reap {
        /// Which.
        resource: Resource,
        /// Why.
        error: ReapError,
    },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl fmt::Display for Remains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to take the lab `{}` down", self.name)?;
        for error in &self.errors {
            write!(f, "\n  {error}")?;
        }
        if !self.resources.is_empty() {
            f.write_str("\nstill there:")?;
        }
        self.resources.iter().try_for_each(|resource| write!(f, "\n  {resource}"))
    }
}

impl std::error::Error for Remains {}

impl Diagnostic for Remains {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new("`lab gc` tries again"))
    }
}
