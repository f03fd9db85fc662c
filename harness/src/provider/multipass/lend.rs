//! Images where Multipass can read them.
//!
//! Its snap sees the home folders of users, without what is hidden in them, and nothing of `/tmp`; images are kept in a
//! hidden folder, `~/.cache`.

use std::{collections::BTreeMap, path::PathBuf};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::{
    ledger::{Entry, Resource},
    provider::{ProviderError, Wanted},
};

/// Images by where they are, with where Multipass finds them.
pub(super) struct Lent {
    places: BTreeMap<Utf8PathBuf, Utf8PathBuf>,
    /// Where copies are, if any were needed.
    folder: Option<Resource>,
}

impl Lent {
    /// Copies the images that Multipass could not read, into a folder of the lab's own.
    pub(super) async fn new(lab: &Entry, wanted: &[Wanted]) -> Result<Self, ProviderError> {
        let home = std::env::home_dir().and_then(|home: PathBuf| Utf8PathBuf::from_path_buf(home).ok());
        let home =
            home.ok_or_else(|| ProviderError::Refused("there is no home folder to lend images in".to_owned()))?;
        let folder = home.join(format!("pathlab-{}", lab.record().id));
        let mut lent = Self { places: BTreeMap::new(), folder: None };
        for image in wanted.iter().map(|one| &one.image) {
            if lent.places.contains_key(image) {
                continue;
            }
            let place = if is_seen(image, &home) { image.clone() } else { lent.copy(lab, image, &folder).await? };
            lent.places.insert(image.clone(), place);
        }
        Ok(lent)
    }

    async fn copy(&mut self, lab: &Entry, image: &Utf8Path, folder: &Utf8Path) -> Result<Utf8PathBuf, ProviderError> {
        if self.folder.is_none() {
            let resource = Resource::Folder { path: folder.to_owned() };
            lab.will_create(&resource)?;
            fs::create_dir(folder).map_err(ProviderError::file("failed to make a folder for images"))?;
            lab.created(&resource)?;
            self.folder = Some(resource);
        }
        let place = folder.join(format!("{}.qcow2", self.places.len()));
        let (from, to) = (image.to_owned(), place.clone());
        let copied = tokio::task::spawn_blocking(move || fs::copy(from, to)).await;
        match copied {
            Ok(Ok(_)) => Ok(place),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::StorageFull => {
                Err(ProviderError::NoSpace { folder: folder.to_string(), reason: error.to_string() })
            }
            Ok(Err(error)) => Err(ProviderError::file("failed to lend an image to Multipass")(error)),
            Err(error) => Err(ProviderError::Refused(error.to_string())),
        }
    }

    /// Where Multipass finds an image.
    pub(super) fn place(&self, image: &Utf8Path) -> Utf8PathBuf {
        self.places.get(image).cloned().unwrap_or_else(|| image.to_owned())
    }

    /// Takes the copies away: Multipass has its own by now.
    pub(super) fn end(self, lab: &Entry) -> Result<(), ProviderError> {
        let Some(resource @ Resource::Folder { path }) = &self.folder else { return Ok(()) };
        fs::remove_dir_all(path).map_err(ProviderError::file("failed to take lent images back"))?;
        Ok(lab.removed(resource)?)
    }
}

/// Whether Multipass's snap can read this file.
fn is_seen(image: &Utf8Path, home: &Utf8Path) -> bool {
    // Where a link leads is what counts.
    let Ok(image) = image.canonicalize_utf8() else { return false };
    let Ok(home) = home.canonicalize_utf8() else { return false };
    image.strip_prefix(home).is_ok_and(|rest| rest.components().all(|part| !part.as_str().starts_with('.')))
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::is_seen;

    #[test]
    fn hidden_and_other_folders_are_not_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Utf8Path::from_path(folder.path()).expect("UTF-8").join("me");
        for (place, seen) in [("me/rhel.qcow2", true), ("me/.cache/a/rhel.qcow2", false), ("tmp/rhel.qcow2", false)] {
            let place = home.parent().expect("a folder").join(place);
            fs_err::create_dir_all(place.parent().expect("a folder")).expect("made");
            fs_err::write(&place, "").expect("written");
            assert_eq!(is_seen(&place, &home), seen, "{place}");
        }
        std::os::unix::fs::symlink(home.join(".cache/a/rhel.qcow2"), home.join("link")).expect("made");
        assert!(!is_seen(&home.join("link"), &home));
        assert!(!is_seen(&home.join("none"), &home));
    }
}
