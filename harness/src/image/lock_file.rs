//! `pathlab.lock`: which images and versions a run used, so that another run can insist on the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use miette::Diagnostic;
use serde::{Deserialize, Serialize};

use super::{digest::Sha256Digest, error::ImageError, place, store::BaseImage};

/// The name of the format.
pub const LOCK_FORMAT: &str = "pathlab-lock/1";

/// What a run used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockFile {
    /// `pathlab-lock/1`.
    format: String,
    /// What was used for each distro, by its id.
    pub distros: BTreeMap<String, LockedDistro>,
}

/// What was used for a distro.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedDistro {
    /// SHA-256 of the image that the machines booted from.
    pub image: Sha256Digest,
    /// Versions of what decided the result, by name: `kernel`, `firewalld`, `microk8s`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
}

/// One thing that is not as `pathlab.lock` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockDifference {
    /// A distro that is not in it.
    Unlocked {
        /// The distro.
        distro: String,
    },
    /// Another image.
    Image {
        /// The distro.
        distro: String,
        /// The sum of the locked one.
        locked: Sha256Digest,
        /// The sum of this one.
        used: Sha256Digest,
    },
    /// Another version of something; none where it is absent.
    Version {
        /// The distro.
        distro: String,
        /// Of what.
        name: String,
        /// The locked one.
        locked: Option<String>,
        /// This one.
        used: Option<String>,
    },
}

/// `pathlab.lock` cannot be used, or refuses.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LockError {
    /// It cannot be read.
    #[error("failed to read {path}: {problem}")]
    #[diagnostic(help("a run that uses images writes it, and so does `lab image verify --lock`"))]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        problem: String,
    },
    /// Something is not as it says.
    #[error("{path} refuses this\n{}", lines(differences))]
    #[diagnostic(help("use what it names, or leave out `--locked` to have it written anew"))]
    Refused {
        /// The file.
        path: Utf8PathBuf,
        /// Everything that differs.
        differences: Vec<LockDifference>,
    },
}

impl LockFile {
    /// What is used by machines that boot from these images.
    #[must_use]
    pub fn of<'a>(images: impl IntoIterator<Item = &'a BaseImage>) -> Self {
        let entry =
            |image: &BaseImage| (image.distro.clone(), LockedDistro { image: image.sha256, versions: BTreeMap::new() });
        Self { format: LOCK_FORMAT.to_owned(), distros: images.into_iter().map(entry).collect() }
    }

    /// Reads a file.
    pub fn read(path: &Utf8Path) -> Result<Self, LockError> {
        let unreadable = |problem: String| LockError::Unreadable { path: path.to_owned(), problem };
        let text = fs::read(path).map_err(|error| unreadable(error.kind().to_string()))?;
        let lock: Self = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        if lock.format != LOCK_FORMAT {
            return Err(unreadable(format!("its format is `{}`, expected `{LOCK_FORMAT}`", lock.format)));
        }
        Ok(lock)
    }

    /// Writes the file, whole or not at all. Equal contents are equal bytes.
    pub fn write(&self, path: &Utf8Path) -> Result<(), ImageError> {
        place::write(path, self.text().as_bytes())
    }

    /// A sum that changes with anything in it: the key of what was made from it.
    #[must_use]
    pub fn key(&self) -> Sha256Digest {
        Sha256Digest::of_bytes(self.text().as_bytes())
    }

    /// Everything of `used` that is not as this lock has it. What is locked and not used is no difference, nor is a
    /// version that is not known yet, before machines run.
    #[must_use]
    pub fn differences(&self, used: &Self) -> Vec<LockDifference> {
        let mut differences = Vec::new();
        for (distro, used) in &used.distros {
            let distro = distro.clone();
            let Some(locked) = self.distros.get(&distro) else {
                differences.push(LockDifference::Unlocked { distro });
                continue;
            };
            if locked.image != used.image {
                let distro = distro.clone();
                differences.push(LockDifference::Image { distro, locked: locked.image, used: used.image });
            }
            if !used.versions.is_empty() {
                differences.extend(versions(&distro, &locked.versions, &used.versions));
            }
        }
        differences
    }

    /// An error unless everything of `used` is as this lock, read from `path`, has it.
    pub fn insist(&self, path: &Utf8Path, used: &Self) -> Result<(), LockError> {
        let differences = self.differences(used);
        if differences.is_empty() { Ok(()) } else { Err(LockError::Refused { path: path.to_owned(), differences }) }
    }

    fn text(&self) -> String {
        // A structure of strings in ordered maps always becomes JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

fn versions(distro: &str, locked: &BTreeMap<String, String>, used: &BTreeMap<String, String>) -> Vec<LockDifference> {
    let names: BTreeSet<&String> = locked.keys().chain(used.keys()).collect();
    let different = names.into_iter().filter(|name| locked.get(*name) != used.get(*name));
    let difference = |name: &String| LockDifference::Version {
        distro: distro.to_owned(),
        name: name.clone(),
        locked: locked.get(name).cloned(),
        used: used.get(name).cloned(),
    };
    different.map(difference).collect()
}

fn lines(differences: &[LockDifference]) -> String {
    differences.iter().map(|difference| format!("  {difference}")).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for LockDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
        match self {
            Self::Unlocked { distro } => write!(f, "{distro}: is not in it"),
            Self::Image { distro, locked, used } => write!(f, "{distro}: the image is {used}, locked is {locked}"),
            Self::Version { distro, name, locked, used } => {
                write!(f, "{distro}: {name} is {}, locked is {}", version(used), version(locked))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use camino::Utf8Path;

    use super::{LockDifference, LockFile, LockedDistro, Sha256Digest};

    /// Distro, content of its image, versions.
    type Locked<'a> = (&'a str, &'a [u8], &'a [(&'a str, &'a str)]);

    fn lock(entries: &[Locked<'_>]) -> LockFile {
        let mut lock = LockFile::of([]);
        for (distro, content, versions) in entries {
            let versions: BTreeMap<_, _> =
                versions.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
            let image = Sha256Digest::of_bytes(content);
            lock.distros.insert((*distro).to_owned(), LockedDistro { image, versions });
        }
        lock
    }

    #[test]
    fn what_is_used_must_be_as_locked() {
        let locked = lock(&[("a-1", b"a", &[("kernel", "6.1"), ("nft", "1.0")]), ("b-1", b"b", &[])]);
        let same = lock(&[("a-1", b"a", &[("kernel", "6.1"), ("nft", "1.0")])]);
        assert_eq!(locked.differences(&same), [], "what is locked and not used is no difference");
        assert_eq!(locked.differences(&lock(&[("a-1", b"a", &[])])), [], "no versions are known before machines run");

        let other = lock(&[("a-1", b"x", &[("kernel", "6.2"), ("nft", "1.0")]), ("c-1", b"c", &[])]);
        let said: Vec<String> = locked.differences(&other).iter().map(LockDifference::to_string).collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].starts_with("a-1: the image is 2d711642b726"), "{said:?}");
        assert_eq!(said[1..], ["a-1: kernel is 6.2, locked is 6.1", "c-1: is not in it"]);
        assert_ne!(locked.key(), other.key());
    }

    #[test]
    fn a_file_comes_back_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = Utf8Path::from_path(folder.path()).expect("UTF-8").join("pathlab.lock");
        let locked = lock(&[("a-1", b"a", &[("kernel", "6.1")])]);
        locked.write(&path).expect("written");
        assert_eq!(LockFile::read(&path).expect("readable"), locked);
        for bad in ["", "{}", r#"{"format":"pathlab-lock/2","distros":{}}"#] {
            std::fs::write(&path, bad).expect("written");
            assert!(LockFile::read(&path).is_err(), "{bad}");
        }
    }
}
