//! A download that is not finished: its bytes so far, and what says whether the server still has the same file.

use std::io::{Read as _, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use reqwest::{
    Response, Url,
    header::{ETAG, HeaderName, LAST_MODIFIED},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    digest::{Sha256Digest, feed},
    error::ImageError,
    kind::{Kind, SAMPLE},
    place,
};

/// The unfinished file of a download.
#[derive(Debug)]
pub(super) struct Part {
    path: Utf8PathBuf,
    file: fs::File,
    hasher: Sha256,
    length: u64,
    start: Vec<u8>,
    version: Option<Version>,
}

/// What tells one version of a file at a place from the next one.
#[derive(Debug, Serialize, Deserialize)]
struct Version {
    /// Sum of the URL, which may hold secrets.
    place: Sha256Digest,
    /// Value for `If-Range`.
    validator: String,
}

impl Part {
    /// The bytes of an image that arrived so far.
    pub(super) fn bytes(image: &Utf8Path) -> u64 {
        fs::metadata(Self::path_of(image)).map_or(0, |file| file.len())
    }

    /// Where the unfinished download of an image is.
    pub(super) fn path_of(image: &Utf8Path) -> Utf8PathBuf {
        image.with_extension("part")
    }

    fn version_path(path: &Utf8Path) -> Utf8PathBuf {
        path.with_extension("part.json")
    }

    /// Opens what there is, nothing being an empty part, and reads it.
    pub(super) fn open(image: &Utf8Path) -> Result<Self, ImageError> {
        let path = Self::path_of(image);
        let open = || {
            let mut file = fs::OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            let mut start = Vec::new();
            std::io::Read::by_ref(&mut file).take(SAMPLE as u64).read_to_end(&mut start)?;
            let (mut hasher, mut length) = (Sha256::new(), start.len() as u64);
            hasher.update(&start);
            feed(&mut hasher, &mut file, &mut |bytes| length += bytes)?;
            Ok((file, start, hasher, length))
        };
        let (file, start, hasher, length) = open().map_err(|error| ImageError::io("read", &path, error))?;
        let version = fs::read(Self::version_path(&path)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Ok(Self { path, file, hasher, length, start, version })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What the first bytes are.
    pub(super) fn kind(&self) -> Kind {
        Kind::of(&self.start)
    }

    /// Whether so much is here that the kind is known.
    pub(super) fn has_sample(&self) -> bool {
        self.start.len() >= SAMPLE
    }

    /// The value for `If-Range` at a place; none when another place gave these bytes, or it said nothing.
    pub(super) fn validator(&self, url: &Url) -> Option<&str> {
        let version = self.version.as_ref()?;
        (version.place == Sha256Digest::of_bytes(url.as_str().as_bytes())).then_some(version.validator.as_str())
    }

    /// Forgets the bytes: the file starts anew, with this response.
    pub(super) fn restart(&mut self, url: &Url, response: &Response) -> Result<(), ImageError> {
        let place = Sha256Digest::of_bytes(url.as_str().as_bytes());
        self.version = validator(response).map(|validator| Version { place, validator });
        let path = Self::version_path(&self.path);
        match &self.version {
            Some(version) => {
                let text = serde_json::to_vec(version)
                    .map_err(|error| ImageError::io("write", &path, std::io::Error::other(error)))?;
                place::write(&path, &text)?;
            }
            None => place::remove(&path)?,
        }
        self.empty()
    }

    /// Forgets the bytes.
    pub(super) fn empty(&mut self) -> Result<(), ImageError> {
        self.file.set_len(0).map_err(|error| ImageError::io("write", &self.path, error))?;
        (self.hasher, self.length) = (Sha256::new(), 0);
        self.start.clear();
        Ok(())
    }

    /// Adds bytes that arrived.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        self.file.write_all(bytes).map_err(|error| ImageError::io("write", &self.path, error))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        self.start.extend(bytes.iter().take(SAMPLE - self.start.len()));
        Ok(())
    }

    /// The sum of all bytes.
    pub(super) fn sum(&self) -> Sha256Digest {
        Sha256Digest::of(self.hasher.clone())
    }

    /// Removes what arrived of an image.
    pub(super) fn remove(image: &Utf8Path) -> Result<(), ImageError> {
        let path = Self::path_of(image);
        place::remove(&Self::version_path(&path))?;
        place::remove(&path)
    }
}

/// What `If-Range` may be given: a strong entity tag, else a date.
fn validator(response: &Response) -> Option<String> {
    let value = |name: HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    value(ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| value(LAST_MODIFIED))
}
