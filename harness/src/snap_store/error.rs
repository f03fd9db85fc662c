//! Why MicroK8s could not be brought from the store.

use miette::Diagnostic;

use crate::{download::DownloadError, folders::NoFolder};

/// What the user can do without the store.
pub(super) const WITHOUT_THE_STORE: &str = "where this host has no way to the store: `--snap FILE…` takes files that `snap download` got \
     elsewhere, and PATHLAB_SNAP_STORE names a proxy of the store";

/// Why MicroK8s could not be brought from the store.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SnapStoreError {
    /// No folder for snaps.
    #[error("there is no folder for snaps: {0}")]
    NoFolder(#[from] NoFolder),
    /// A file could not be downloaded, read or written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Download(#[from] DownloadError),
    /// The environment does not name a store.
    #[error("PATHLAB_SNAP_STORE names `{value}`, which is no place of a store: expected https://HOST/")]
    #[diagnostic(help("name the proxy of the store by https, or unset the variable"))]
    NoStore {
        /// What it names.
        value: String,
    },
    /// The store gave no answer that can be used.
    #[error("failed to ask the snap store for the snap {snap}: {place}: {problem}")]
    #[diagnostic(help("{}", WITHOUT_THE_STORE))]
    Answer {
        /// The snap.
        snap: String,
        /// Where it was asked.
        place: String,
        /// What went wrong.
        problem: String,
    },
    /// The store has no such channel.
    #[error("the snap store has the snap {snap} in no channel {channel}")]
    #[diagnostic(help("{}", channels(.there_are)))]
    NoChannel {
        /// The snap.
        snap: String,
        /// The channel.
        channel: String,
        /// Those that it has.
        there_are: Vec<String>,
    },
    /// The store has no such revision, or not for everybody.
    #[error("the snap store has no revision {revision} of the snap {snap} for {architecture}")]
    #[diagnostic(help(
        "leave `--revision` out for the newest of a channel, or name another; a locked one comes from the lock file"
    ))]
    NoRevision {
        /// The snap.
        snap: String,
        /// The revision.
        revision: u32,
        /// The machines' architecture.
        architecture: &'static str,
    },
    /// What the store says of a snap in its assertions is not about what it offers.
    #[error("the snap store's assertions for the snap {snap} (revision {revision}) cannot be used: {problem}")]
    #[diagnostic(help("nothing of it is installed, and the same may go well later; {}", WITHOUT_THE_STORE))]
    Assertions {
        /// The snap.
        snap: String,
        /// Its revision.
        revision: u32,
        /// What is wrong.
        problem: String,
    },
}

impl SnapStoreError {
    /// Whether something else must be asked for.
    #[must_use]
    pub const fn is_input(&self) -> bool {
        matches!(self, Self::NoStore { .. } | Self::NoChannel { .. } | Self::NoRevision { .. })
    }
}

fn channels(there_are: &[String]) -> String {
    if there_are.is_empty() {
        return "the store names no other either".to_owned();
    }
    format!("name one that it has: {}", there_are.join(", "))
}
