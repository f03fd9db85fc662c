//! What was applied, so that it can be waited for, found again and deleted, by another run as well.

use std::fmt;

use camino::Utf8PathBuf;
use kube::core::ApiResource;
use serde::{Deserialize, Serialize};

/// Everything that was applied, in the order of applying.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The objects.
    pub objects: Vec<AppliedObject>,
}

/// One object in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedObject {
    /// Group and version, as `apiVersion` says them.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Its name in URLs.
    pub plural: String,
    /// None where the kind knows no namespaces.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// The server's id for it.
    pub uid: String,
    /// Whether it is the lab's: it was not there before, or was there by an earlier run. Nothing else is deleted.
    pub own: bool,
    /// The manifest.
    pub file: Utf8PathBuf,
    /// Which document of it, counted from 1.
    pub document: usize,
}

impl AppliedObject {
    pub(super) fn resource(&self) -> ApiResource {
        let (group, version) = self.api_version.split_once('/').unwrap_or(("", &self.api_version));
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            plural: self.plural.clone(),
        }
    }
}

impl fmt::Display for AppliedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

impl Applied {
    /// These and, after them, those.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        self.objects.extend(later.objects);
        self
    }
}
