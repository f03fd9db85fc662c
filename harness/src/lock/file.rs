//! The file itself: read, brought up to date, insisted on.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
};

use camino::Utf8Path;
use fs_err as fs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LockDifference, LockError, Used};
use crate::{image::Sha256Digest, whole_file};

/// The name of the format.
pub const LOCK_FORMAT: &str = "pathlab-lock/1";

/// Versions by the name of what has them: `kernel`, `nft`.
pub type Versions = BTreeMap<String, String>;

/// What was used when somebody said that this is to stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockFile {
    /// `pathlab-lock/1`.
    #[schemars(extend("const" = LOCK_FORMAT))]
    format: String,
    /// The image of each distro, by its id.
    pub distros: BTreeMap<String, LockedDistro>,
    /// What decides results in each kind of lab, by `PROVIDER/CLUSTER`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labs: BTreeMap<String, LockedLab>,
}

/// What was used for a distro.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockedDistro {
    /// SHA-256 of the image that the machines booted from.
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]{64}$"))]
    pub image: Sha256Digest,
}

/// What was used by one kind of lab.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockedLab {
    /// Versions on the host that ran it, and of Pathlab.
    pub host: Versions,
    /// Versions on its machines, by distro; namespace hosts share what the host has.
    pub machines: BTreeMap<String, Versions>,
}

impl Default for LockFile {
    fn default() -> Self {
        Self { format: LOCK_FORMAT.to_owned(), distros: BTreeMap::new(), labs: BTreeMap::new() }
    }
}

impl LockFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is of another format.
    pub fn read(path: &Utf8Path) -> Result<Self, LockError> {
        let unreadable = |problem: String| LockError::Unreadable { path: path.to_owned(), problem };
        let text = fs::read(path).map_err(|error| unreadable(error.kind().to_string()))?;
        let lock: Self = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        if lock.format != LOCK_FORMAT {
            return Err(unreadable(format!("its format is `{}`, expected `{LOCK_FORMAT}`", lock.format)));
        }
        Ok(lock)
    }

    /// Reads a file that is to be brought up to date; it need not exist yet.
    ///
    /// # Errors
    /// As of [`Self::read`].
    pub fn read_or_new(path: &Utf8Path) -> Result<Self, LockError> {
        match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            _ => Self::read(path),
        }
    }

    /// Writes the file, whole or not at all. Equal contents are equal bytes.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn write(&self, path: &Utf8Path) -> Result<(), LockError> {
        let written = whole_file::write(path, self.text().as_bytes());
        written.map_err(|source| LockError::Unwritable { path: path.to_owned(), source })
    }

    /// A sum that changes with anything in it: the key of what was made from it.
    #[must_use]
    pub fn key(&self) -> Sha256Digest {
        Sha256Digest::of_bytes(self.text().as_bytes())
    }

    /// Takes over what was used. What was not used stays as it is.
    pub fn record(&mut self, used: &Used) {
        self.distros.extend(used.images.iter().map(|(distro, image)| (distro.clone(), LockedDistro { image: *image })));
        if let Some(lab) = &used.lab {
            let lab = self.labs.entry(lab.clone()).or_default();
            lab.host.clone_from(&used.host);
            lab.machines.extend(used.machines.clone());
        }
    }

    /// Everything of `used` that is not as this lock has it. What is locked and not used is no difference, nor is what
    /// is not known yet.
    #[must_use]
    pub fn differences(&self, used: &Used) -> Vec<LockDifference> {
        let mut differences = Vec::new();
        for (distro, image) in &used.images {
            match self.distros.get(distro) {
                None => differences.push(LockDifference::Unlocked { what: distro.clone() }),
                Some(locked) if locked.image == *image => {}
                Some(locked) => differences.push(LockDifference::Changed {
                    what: distro.clone(),
                    name: "the image".to_owned(),
                    locked: Some(locked.image.to_string()),
                    used: Some(image.to_string()),
                }),
            }
        }
        let Some(name) = &used.lab else { return differences };
        let Some(lab) = self.labs.get(name) else {
            differences.push(LockDifference::Unlocked { what: name.clone() });
            return differences;
        };
        if !used.host.is_empty() {
            differences.extend(versions(name, &lab.host, &used.host));
        }
        for (distro, used) in &used.machines {
            let what = format!("{name}: {distro}");
            match lab.machines.get(distro) {
                None => differences.push(LockDifference::Unlocked { what }),
                Some(locked) => differences.extend(versions(&what, locked, used)),
            }
        }
        differences
    }

    /// An error unless everything of `used` is as this lock, read from `path`, has it.
    ///
    /// # Errors
    /// With every difference.
    pub fn insist(&self, path: &Utf8Path, used: &Used) -> Result<(), LockError> {
        let differences = self.differences(used);
        if differences.is_empty() { Ok(()) } else { Err(LockError::Refused { path: path.to_owned(), differences }) }
    }

    /// The revisions of the snap that clusters were, by distro, in a kind of lab (`PROVIDER/CLUSTER`).
    #[must_use]
    pub fn revisions(&self, lab: &str) -> BTreeMap<String, u32> {
        let machines = self.labs.get(lab).into_iter().flat_map(|lab| &lab.machines);
        // One from a file without assertion has no revision of the store: x1.
        let revision = |versions: &Versions| versions.get("snap")?.parse().ok();
        machines.filter_map(|(distro, versions)| Some((distro.clone(), revision(versions)?))).collect()
    }

    fn text(&self) -> String {
        // A structure of strings in ordered maps always becomes JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

fn versions(what: &str, locked: &Versions, used: &Versions) -> Vec<LockDifference> {
    let names: BTreeSet<&String> = locked.keys().chain(used.keys()).collect();
    let different = names.into_iter().filter(|name| locked.get(*name) != used.get(*name));
    let difference = |name: &String| LockDifference::Changed {
        what: what.to_owned(),
        name: name.clone(),
        locked: locked.get(name).cloned(),
        used: used.get(name).cloned(),
    };
    different.map(difference).collect()
}

#[cfg(test)]
mod tests;
