//! What is not as `pathlab.lock` has it.

use std::fmt;

use camino::Utf8PathBuf;
use miette::Diagnostic;

/// One thing that is not as `pathlab.lock` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockDifference {
    /// A distro or lab that is not in it.
    Unlocked {
        /// Which.
        what: String,
    },
    /// Another version or image; none where there is none.
    Changed {
        /// The distro, or the lab and what of it.
        what: String,
        /// Of what: `nft`.
        name: String,
        /// The locked one.
        locked: Option<String>,
        /// This one.
        used: Option<String>,
    },
}

impl fmt::Display for LockDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlocked { what } => write!(f, "{what}: is not in it"),
            Self::Changed { what, name, locked, used } => {
                let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
                write!(f, "{what}: {name} is {}, locked is {}", version(used), version(locked))
            }
        }
    }
}

/// `pathlab.lock` cannot be used, or refuses.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LockError {
    /// It cannot be read.
    #[error("failed to read {path}: {problem}")]
    #[diagnostic(help("`lab run --lock` writes it, and so does `lab image verify --lock`"))]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        problem: String,
    },
    /// It cannot be written.
    #[error("failed to write {path}: {source}")]
    Unwritable {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Something is not as it says.
    #[error("{path} refuses this\n{}", lines(differences))]
    #[diagnostic(help("use what it names, or write it anew: `--lock` instead of `--locked`"))]
    Refused {
        /// The file.
        path: Utf8PathBuf,
        /// Everything that differs.
        differences: Vec<LockDifference>,
    },
}

fn lines(differences: &[LockDifference]) -> String {
    differences.iter().map(|difference| format!("  {difference}")).collect::<Vec<_>>().join("\n")
}
