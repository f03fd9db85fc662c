//! Where MicroK8s comes from, and whether one that is there is that one.

use std::fmt;

use super::{snap_files::SnapFiles, snap_list::InstalledSnap};

/// Where MicroK8s comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The store.
    Store {
        /// Channel: `1.32/stable`.
        channel: String,
        /// One revision of it; the channel's newest where there is none.
        revision: Option<u32>,
    },
    /// Files.
    Files(SnapFiles),
    /// The machine: it has one already, whichever.
    Present,
}

impl Source {
    /// Whether an installed MicroK8s is this one.
    #[must_use]
    pub fn is(&self, installed: &InstalledSnap) -> bool {
        match self {
            Self::Store { revision: Some(revision), .. } => installed.revision == revision.to_string(),
            Self::Store { channel, revision: None } => installed.tracking.as_deref() == Some(channel),
            Self::Files(files) => installed.revision == files.revision(),
            Self::Present => true,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store { channel, revision: Some(revision) } => write!(f, "{channel} revision {revision}"),
            Self::Store { channel, revision: None } => f.pad(channel),
            Self::Files(files) => write!(f, "revision {}", files.revision()),
            Self::Present => f.pad("any"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Source;
    use crate::cluster::microk8s::snap_list::InstalledSnap;

    #[test]
    fn a_revision_counts_more_than_a_channel() {
        let installed = InstalledSnap {
            name: "microk8s".to_owned(),
            version: "v1.32.3".to_owned(),
            revision: "7964".to_owned(),
            tracking: Some("1.32/stable".to_owned()),
            notes: Vec::new(),
        };
        let store = |channel: &str, revision| Source::Store { channel: channel.to_owned(), revision };
        assert!(store("1.32/stable", None).is(&installed) && !store("1.33/stable", None).is(&installed));
        assert!(store("1.33/stable", Some(7964)).is(&installed) && !store("1.32/stable", Some(1)).is(&installed));
        assert!(Source::Present.is(&installed));
        assert_eq!(store("1.32/stable", Some(7964)).to_string(), "1.32/stable revision 7964");
    }
}
