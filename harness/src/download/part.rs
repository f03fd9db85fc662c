//! A download that is not finished: its bytes so far, and what says whether the server still has the same file.

use std::io::{Read as _, Write as _};

use super::{
    error::DownloadError,
    hasher::Hasher,
    kind::{Kind, SAMPLE},
    place,
    sha256::Sha256Digest,
    sum::Sum,
};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use reqwest::{
    Response, Url,
    header::{ETAG, HeaderName, LAST_MODIFIED},
};
use serde::{Deserialize, Serialize};

/// The unfinished file of a download.
#[derive(Debug)]
pub(crate) struct Part {
    path: Utf8PathBuf,
    file: fs::File,
    hasher: Hasher,
    /// What it was before the first byte.
    fresh: Hasher,
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
    /// The bytes of a file that arrived so far.
    pub(crate) fn bytes(file: &Utf8Path) -> u64 {
        fs::metadata(Self::path_of(file)).map_or(0, |file| file.len())
    }

    /// Where the unfinished download of a file is.
    pub(crate) fn path_of(file: &Utf8Path) -> Utf8PathBuf {
        file.with_extension("part")
    }

    fn version_path(path: &Utf8Path) -> Utf8PathBuf {
        path.with_extension("part.json")
    }

    /// Opens what there is, nothing being an empty part, and reads it. Its sum will be of the kind of `sum`.
    pub(crate) fn open(file: &Utf8Path, sum: &Sum) -> Result<Self, DownloadError> {
        let path = Self::path_of(file);
        let fresh = Hasher::like(sum);
        let open = || {
            let mut file = fs::OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            let mut start = Vec::new();
            std::io::Read::by_ref(&mut file).take(SAMPLE as u64).read_to_end(&mut start)?;
            let (mut hasher, mut length) = (fresh.clone(), start.len() as u64);
            hasher.update(&start);
            hasher.feed(&mut file, &mut |bytes| length += bytes)?;
            Ok((file, start, hasher, length))
        };
        let (file, start, hasher, length) = open().map_err(|error| DownloadError::io("read", &path, error))?;
        let version = fs::read(Self::version_path(&path)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Ok(Self { path, file, hasher, fresh, length, start, version })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// What the first bytes are.
    pub(crate) fn kind(&self) -> Kind {
        Kind::of(&self.start)
    }

    /// Whether so much is here that the kind is known.
    pub(crate) fn has_sample(&self) -> bool {
        self.start.len() >= SAMPLE
    }

    /// The value for `If-Range` at a place; none when another place gave these bytes, or it said nothing.
    pub(crate) fn validator(&self, url: &Url) -> Option<&str> {
        let version = self.version.as_ref()?;
        (version.place == Sha256Digest::of_bytes(url.as_str().as_bytes())).then_some(version.validator.as_str())
    }

    /// Forgets the bytes: the file starts anew, with this response.
    pub(crate) fn restart(&mut self, url: &Url, response: &Response) -> Result<(), DownloadError> {
        let place = Sha256Digest::of_bytes(url.as_str().as_bytes());
        self.version = validator(response).map(|validator| Version { place, validator });
        let path = Self::version_path(&self.path);
        match &self.version {
            Some(version) => {
                let text = serde_json::to_vec(version)
                    .map_err(|error| DownloadError::io("write", &path, std::io::Error::other(error)))?;
                place::write(&path, &text)?;
            }
            None => place::remove(&path)?,
        }
        self.empty()
    }

    /// Forgets the bytes.
    pub(crate) fn empty(&mut self) -> Result<(), DownloadError> {
        self.file.set_len(0).map_err(|error| DownloadError::io("write", &self.path, error))?;
        (self.hasher, self.length) = (self.fresh.clone(), 0);
        self.start.clear();
        Ok(())
    }

    /// Adds bytes that arrived.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Result<(), DownloadError> {
        self.file.write_all(bytes).map_err(|error| DownloadError::io("write", &self.path, error))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        self.start.extend(bytes.iter().take(SAMPLE - self.start.len()));
        Ok(())
    }

    /// The sum of all bytes.
    pub(crate) fn sum(&self) -> Sum {
        self.hasher.sum()
    }

    /// Removes what arrived of a file.
    pub(crate) fn remove(file: &Utf8Path) -> Result<(), DownloadError> {
        let path = Self::path_of(file);
        place::remove(&Self::version_path(&path))?;
        place::remove(&path)
    }
}

/// What `If-Range` may be given: a strong entity tag, else a date.
fn validator(response: &Response) -> Option<String> {
    let value = |name: HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    value(ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| value(LAST_MODIFIED))
}
