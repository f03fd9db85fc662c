//! What is known of an image, in a file beside it.

use camino::Utf8Path;
use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::error::ImageError;
use crate::download::{Sha256Digest, place};

/// The name of the format.
const FORMAT: &str = "pathlab-image/1";

/// Where an image came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A download.
    Downloaded,
    /// A build on this machine.
    Built,
    /// The user's own file.
    Own,
}

/// What is known of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// `pathlab-image/1`.
    pub format: String,
    /// The distro's id.
    pub distro: String,
    /// Where it came from.
    pub origin: Origin,
    /// SHA-256 of the image as it stands here.
    pub sha256: Sha256Digest,
    /// SHA-256 of the file that was downloaded: another one when that was compressed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub published_sha256: Option<Sha256Digest>,
    /// `NAME VERSION` of each package of an image that was built.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub packages: Vec<String>,
}

impl Record {
    pub(super) fn new(distro: &str, origin: Origin, sha256: Sha256Digest) -> Self {
        let distro = distro.to_owned();
        Self { format: FORMAT.to_owned(), distro, origin, sha256, published_sha256: None, packages: Vec::new() }
    }

    /// The record of an image; none when there is none that can be read.
    pub(super) fn read(image: &Utf8Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&fs::read(image.with_extension("json")).ok()?).ok()?;
        (record.format == FORMAT).then_some(record)
    }

    pub(super) fn write(&self, image: &Utf8Path) -> Result<(), ImageError> {
        let path = image.with_extension("json");
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| ImageError::io("write", &path, std::io::Error::other(error)))?;
        text.push('\n');
        Ok(place::write(&path, text.as_bytes())?)
    }
}
