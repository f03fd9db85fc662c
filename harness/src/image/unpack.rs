//! Out of the published file, compressed, comes the image.

use std::io::{BufRead as _, BufReader, Read, Write as _};

use camino::Utf8Path;
use flate2::read::MultiGzDecoder;
use fs_err as fs;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;
use sha2::{Digest as _, Sha256};

use super::error::ImageError;
use crate::{catalog::image::Compression, download::Sha256Digest};

/// Writes what is inside `packed` to `image` and returns its sum.
pub(super) fn unpack(
    compression: Compression,
    packed: &Utf8Path,
    image: &Utf8Path,
) -> Result<Sha256Digest, ImageError> {
    let file = fs::File::open(packed).map_err(|error| ImageError::io("read", packed, error))?;
    let out = fs::File::create(image).map_err(|error| ImageError::io("write", image, error))?;
    let mut unpacking = Unpacking { packed, image, out, hasher: Sha256::new() };
    match compression {
        Compression::Gz => unpacking.take(&mut MultiGzDecoder::new(file))?,
        Compression::Xz => unpacking.take(&mut XzReader::new(BufReader::new(file), true))?,
        Compression::Zst => unpacking.take_frames(&mut BufReader::new(file))?,
    }
    Ok(Sha256Digest::of(unpacking.hasher))
}

struct Unpacking<'a> {
    packed: &'a Utf8Path,
    image: &'a Utf8Path,
    out: fs::File,
    hasher: Sha256,
}

impl Unpacking<'_> {
    fn take(&mut self, inside: &mut dyn Read) -> Result<(), ImageError> {
        let mut buffer = vec![0; 1 << 20];
        loop {
            let length = inside.read(&mut buffer).map_err(|error| self.failed(&error))?;
            if length == 0 {
                return Ok(());
            }
            self.hasher.update(&buffer[..length]);
            self.out.write_all(&buffer[..length]).map_err(|error| ImageError::io("write", self.image, error))?;
        }
    }

    /// Zstandard files may be frames one behind the other, each with a decoder of its own.
    fn take_frames(&mut self, file: &mut BufReader<fs::File>) -> Result<(), ImageError> {
        while !file.fill_buf().map_err(|error| ImageError::io("read", self.packed, error))?.is_empty() {
            let mut frame = StreamingDecoder::new(&mut *file).map_err(|error| self.failed(&error))?;
            self.take(&mut frame)?;
        }
        Ok(())
    }

    fn failed(&self, error: &dyn std::error::Error) -> ImageError {
        ImageError::Unpack { path: self.packed.to_owned(), problem: error.to_string() }
    }
}
