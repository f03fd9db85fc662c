//! The folder that holds the images, and the proof that one of them is right.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::{
    build,
    error::{ImageError, Mismatch},
    own::{OwnImages, variable},
    qcow2,
    record::{Origin, Record},
    red_hat,
};
use crate::{
    catalog::{
        distro::Distro,
        image::{Image, ImageSource},
    },
    download::{Part, Sha256Digest},
    folders,
};

/// `$XDG_CACHE_HOME/pathlab/images`, else `~/.cache/pathlab/images`.
#[derive(Clone, Debug)]
pub struct Store {
    folder: Utf8PathBuf,
    own: OwnImages,
}

/// An image that was proven to be the right one just now. Disks of machines are overlays of it; it is never written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseImage {
    /// The distro's id.
    pub distro: String,
    /// A qcow2 file that stands alone. Give its format to QEMU: it must not guess.
    pub path: Utf8PathBuf,
    /// What was proven.
    pub sha256: Sha256Digest,
    /// Size of its disk in bytes.
    pub disk_bytes: u64,
    /// Login user that it creates.
    pub user: String,
    /// Where it came from.
    pub origin: Origin,
}

/// How far an image is, at a glance: nothing is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is here.
    Here {
        /// The file.
        path: Utf8PathBuf,
        /// Its size in bytes.
        bytes: u64,
        /// Where it came from.
        origin: Origin,
    },
    /// A download was interrupted after this many bytes.
    Partly(u64),
    /// It is not here; how to get it.
    Absent(String),
    /// The user named a file that is not there.
    Missing {
        /// The file.
        path: Utf8PathBuf,
        /// The variable or option.
        from: String,
    },
}

impl Store {
    /// The store of this user. Nothing is created.
    pub fn open(own: OwnImages) -> Result<Self, ImageError> {
        Ok(Self { folder: folders::cache()?.join("images"), own })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    pub(super) fn create(&self) -> Result<(), ImageError> {
        fs::create_dir_all(&self.folder).map_err(|error| ImageError::io("create", &self.folder, error))
    }

    pub(super) fn own(&self, distro: &Distro) -> Option<(Utf8PathBuf, String)> {
        self.own.of(distro)
    }

    /// Where the image of a distro stands when it is here: its name tells its content, or how it is built.
    #[must_use]
    pub fn path(&self, distro: &Distro) -> Utf8PathBuf {
        let key = match distro.image.source() {
            Ok(ImageSource::Download(download)) => download.sha256.chars().take(12).collect(),
            Ok(ImageSource::Build(build)) => build::definition(build, &distro.image.user).short(),
            _ => "account".to_owned(),
        };
        self.folder.join(format!("{}-{key}.qcow2", distro.id))
    }

    /// How far the image of a distro is.
    #[must_use]
    pub fn state(&self, distro: &Distro) -> State {
        if let Some((path, from)) = self.own(distro) {
            return match fs::metadata(&path) {
                Ok(file) => State::Here { path, bytes: file.len(), origin: Origin::Own },
                Err(_) => State::Missing { path, from },
            };
        }
        let path = self.path(distro);
        if let (Ok(file), Some(record)) = (fs::metadata(&path), Record::read(&path)) {
            return State::Here { path, bytes: file.len(), origin: record.origin };
        }
        match Part::bytes(&path) {
            0 => State::Absent(how_to_get(distro)),
            bytes => State::Partly(bytes),
        }
    }

    /// The image of a distro, proven: its whole content is read, each time. Call it before anything boots from it.
    pub fn checked(&self, distro: &Distro) -> Result<BaseImage, ImageError> {
        if let Some((path, from)) = self.own(distro) {
            return checked_own(distro, &path, &from);
        }
        let path = self.path(distro);
        let absent = || ImageError::Absent { distro: distro.id.clone(), help: how_to_get(distro) };
        if !path.exists() {
            return Err(absent());
        }
        let record = Record::read(&path).ok_or_else(absent)?;
        let expected = published(&distro.image).unwrap_or(record.sha256);
        let found = sum(&path)?;
        if found != expected {
            let help = format!("somebody changed it, or the disk is failing; to get it anew: {}", how_to_get(distro));
            return Err(Mismatch { distro: distro.id.clone(), path, expected, found, help }.into());
        }
        let disk_bytes = disk(&path)?;
        Ok(base(distro, path, found, disk_bytes, record.origin))
    }
}

/// The sum that the catalogue says the image itself has; none when it is of a compressed file, or of nothing.
fn published(image: &Image) -> Option<Sha256Digest> {
    if image.compressed.is_some() {
        return None;
    }
    image.sha256.as_ref()?.parse().ok()
}

fn checked_own(distro: &Distro, path: &Utf8Path, from: &str) -> Result<BaseImage, ImageError> {
    let wrong = |problem: String| {
        let (distro, from, path) = (distro.id.clone(), from.to_owned(), path.to_owned());
        ImageError::Own { distro, from, path, problem }
    };
    match fs::metadata(path) {
        Ok(file) if file.is_file() => {}
        Ok(_) => return Err(wrong("is no file".to_owned())),
        Err(error) => return Err(wrong(format!("cannot be opened: {}", error.kind()))),
    }
    let found = sum(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if let Some(expected) = published(&distro.image).filter(|expected| *expected != found) {
        return Err(wrong(format!("is another one: its SHA-256 is {found}, expected {expected}")));
    }
    let disk = qcow2::check(path).map_err(|error| ImageError::io("read", path, error))?;
    let disk = disk.map_err(|error| wrong(error.to_string()))?;
    let path = path.canonicalize_utf8().map_err(|error| ImageError::io("read", path, error))?;
    Ok(base(distro, path, found, disk, Origin::Own))
}

fn base(distro: &Distro, path: Utf8PathBuf, sha256: Sha256Digest, disk_bytes: u64, origin: Origin) -> BaseImage {
    BaseImage { distro: distro.id.clone(), path, sha256, disk_bytes, user: distro.image.user.clone(), origin }
}

/// The sum of an image's file.
pub(super) fn sum(path: &Utf8Path) -> Result<Sha256Digest, ImageError> {
    Sha256Digest::of_file(path).map_err(|error| ImageError::io("read", path, error))
}

/// The size of an image's disk, if it is an image that stands alone.
pub(super) fn disk(path: &Utf8Path) -> Result<u64, ImageError> {
    let disk = qcow2::check(path).map_err(|error| ImageError::io("read", path, error))?;
    disk.map_err(|problem| ImageError::Qcow2 { what: path.to_string(), problem })
}

/// What the user does to have the image of a distro.
#[must_use]
pub fn how_to_get(distro: &Distro) -> String {
    let (id, variable) = (&distro.id, variable(distro));
    match distro.image.source() {
        Ok(ImageSource::Build(_)) => format!("lab image build {id}"),
        Ok(ImageSource::Account { filename, .. }) => format!(
            "name your own {filename} in {variable}, or put an offline token into {} and run `lab image fetch {id}`",
            red_hat::TOKEN_VARIABLE
        ),
        Ok(ImageSource::Own { filename }) => format!("name your own {filename} in {variable}"),
        _ => format!("lab image fetch {id}"),
    }
}
