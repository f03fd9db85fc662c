//! Out of the published file, compressed, comes the image.

use std::io::{Read, Write as _};

use camino::Utf8Path;
use fs_err as fs;
use sha2::{Digest as _, Sha256};

use super::{digest::Sha256Digest, error::ImageError};
use crate::catalog::image::Compression;

/// Writes what is inside `packed` to `image` and returns its sum.
pub(super) fn unpack(
    compression: Compression,
    packed: &Utf8Path,
    image: &Utf8Path,
) -> Result<Sha256Digest, ImageError> {
    let failed = |problem: String| ImageError::Unpack { path: packed.to_owned(), problem };
    let file = fs::File::open(packed).map_err(|error| ImageError::io("read", packed, error))?;
    let mut inside: Box<dyn Read> = match compression {
        Compression::Gz => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new(std::io::BufReader::new(file), true)),
        Compression::Zst => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(std::io::BufReader::new(file));
            Box::new(decoder.map_err(|error| failed(error.to_string()))?)
        }
    };
    let mut out = fs::File::create(image).map_err(|error| ImageError::io("write", image, error))?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let length = inside.read(&mut buffer).map_err(|error| failed(error.to_string()))?;
        if length == 0 {
            return Ok(Sha256Digest::of(hasher));
        }
        hasher.update(&buffer[..length]);
        out.write_all(&buffer[..length]).map_err(|error| ImageError::io("write", image, error))?;
    }
}
