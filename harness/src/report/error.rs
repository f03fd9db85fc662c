//! What can go wrong with a report's files.

use std::io;

use camino::Utf8PathBuf;

use crate::model::report::FORMAT;

/// A report that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The report's folder could not be made.
    #[error("failed to create the report folder {dir}")]
    CreateDir {
        /// The folder.
        dir: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The given folder already holds something.
    #[error(
        "the report folder {0} is not empty; a report never overwrites anything: name a new folder or an empty one"
    )]
    NotEmpty(Utf8PathBuf),
    /// The given folder is something else.
    #[error("{0} is not a folder: a report needs one, new or empty")]
    NotADirectory(Utf8PathBuf),
    /// A file could not be written.
    #[error("failed to write {path}")]
    Write {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file could not be read.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is no report.
    #[error("{path} is no Pathlab report (line {}, column {})", source.line(), source.column())]
    Parse {
        /// The file.
        path: Utf8PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A report of a version that this program does not know.
    #[error("{path} has the format `{found}`; this lab reads `{FORMAT}`: use the version of lab that wrote it")]
    OtherFormat {
        /// The file.
        path: Utf8PathBuf,
        /// Its format.
        found: String,
    },
    /// A report that names a file which is not its own.
    #[error("{path} names `{file}` as evidence, which is not in its folder: no run of lab writes that")]
    Outside {
        /// The report.
        path: Utf8PathBuf,
        /// The file.
        file: String,
    },
    /// A report could not be turned into text.
    #[error("failed to render {what}")]
    Render {
        /// Which kind of text.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ReportError {
    /// Whether there was no room for a file.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, Self::Write { source, .. } if full.contains(&source.kind()))
    }
}
