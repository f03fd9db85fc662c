//! The header of a qcow2 image: is it one, and does it stand alone?
//!
//! An image that names a backing file or a data file makes QEMU read files of this machine into the guest, so one that
//! came from elsewhere must name none. Layout: `docs/interop/qcow2.txt` of QEMU.

use std::io::Read;

use camino::Utf8Path;
use fs_err as fs;

use crate::download::{Kind, SAMPLE};

/// Why a file is no image to boot from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Qcow2Error {
    /// Something else.
    #[error("is {0}, not a qcow2 image")]
    Other(Kind),
    /// A version that nothing here knows.
    #[error("is a qcow2 image of the unknown version {0}")]
    Version(u32),
    /// It names another file.
    #[error("refers to the {0} `{1}`: QEMU would read that file of this machine into the guest")]
    Refers(&'static str, String),
    /// It needs a key.
    #[error("is encrypted")]
    Encrypted,
    /// It says so itself.
    #[error("is marked as corrupt")]
    Corrupt,
    /// It needs something newer.
    #[error("needs features of qcow2 that are unknown here ({0:#x})")]
    Features(u64),
    /// It ends within its header.
    #[error("ends within its header")]
    Short,
}

const DATA_FILE: u64 = 1 << 2;
const CORRUPT: u64 = 1 << 1;
/// Dirty, corrupt, data file, compression type, extended L2 entries.
const KNOWN_FEATURES: u64 = 0x1f;
const DATA_FILE_NAME: u32 = 0x4441_5441;
/// The header, its extensions and the names that they hold are in the first cluster; none is larger.
const LARGEST_CLUSTER: u64 = 2 << 20;

/// Reads the header and returns the size of the disk in bytes.
pub(super) fn check(path: &Utf8Path) -> std::io::Result<Result<u64, Qcow2Error>> {
    let mut start = Vec::new();
    fs::File::open(path)?.take(LARGEST_CLUSTER).read_to_end(&mut start)?;
    Ok(judge(&start))
}

fn judge(start: &[u8]) -> Result<u64, Qcow2Error> {
    let kind = Kind::of(&start[..start.len().min(SAMPLE)]);
    if kind != Kind::Qcow2 {
        return Err(Qcow2Error::Other(kind));
    }
    let version = number(start, 4)?;
    if ![2, 3].contains(&version) {
        return Err(Qcow2Error::Version(version));
    }
    let backing = long(start, 8)?;
    if backing != 0 {
        return Err(Qcow2Error::Refers("backing file", name(start, backing, number(start, 16)?)));
    }
    if number(start, 32)? != 0 {
        return Err(Qcow2Error::Encrypted);
    }
    if version == 3 {
        let features = long(start, 72)?;
        let data_file = extension(start, number(start, 100)?, DATA_FILE_NAME)?;
        if data_file.is_some() || features & DATA_FILE != 0 {
            return Err(Qcow2Error::Refers("data file", data_file.unwrap_or_default()));
        }
        if features & CORRUPT != 0 {
            return Err(Qcow2Error::Corrupt);
        }
        if features & !KNOWN_FEATURES != 0 {
            return Err(Qcow2Error::Features(features & !KNOWN_FEATURES));
        }
    }
    long(start, 24)
}

/// The content of the header extension of a type.
fn extension(start: &[u8], header_length: u32, wanted: u32) -> Result<Option<String>, Qcow2Error> {
    let mut at = header_length as usize;
    loop {
        let (kind, length) = (number(start, at)?, number(start, at + 4)?);
        if kind == 0 {
            return Ok(None);
        }
        if kind == wanted {
            return Ok(Some(name(start, at as u64 + 8, length)));
        }
        at += 8 + (length as usize).next_multiple_of(8);
    }
}

fn name(start: &[u8], at: u64, length: u32) -> String {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let bytes = start.get(at..at.saturating_add(length as usize)).unwrap_or_default();
    String::from_utf8_lossy(bytes).escape_debug().to_string()
}

fn number(start: &[u8], at: usize) -> Result<u32, Qcow2Error> {
    let bytes = start.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).ok_or(Qcow2Error::Short)?;
    Ok(u32::from_be_bytes(bytes))
}

fn long(start: &[u8], at: usize) -> Result<u64, Qcow2Error> {
    Ok(u64::from(number(start, at)?) << 32 | u64::from(number(start, at + 4)?))
}

#[cfg(test)]
mod tests {
    use super::{DATA_FILE_NAME, Kind, Qcow2Error, judge};

    /// The header of an image of 1 GiB, version 3, followed by the end of its extensions.
    fn header() -> Vec<u8> {
        let mut header = vec![0; 104 + 8];
        header[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
        header[24..32].copy_from_slice(&(1_u64 << 30).to_be_bytes());
        header[100..104].copy_from_slice(&104_u32.to_be_bytes());
        header
    }

    fn changed(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut header = header();
        header[at..at + bytes.len()].copy_from_slice(bytes);
        header
    }

    #[test]
    fn an_image_that_stands_alone_is_right() {
        assert_eq!(judge(&header()), Ok(1 << 30));
        assert_eq!(judge(&changed(7, &[2])), Ok(1 << 30));
        assert_eq!(judge(&changed(79, &[8])), Ok(1 << 30), "compressed with Zstandard inside");
    }

    #[test]
    fn others_are_refused() {
        let mut backing = changed(8, &112_u64.to_be_bytes());
        backing[16..20].copy_from_slice(&11_u32.to_be_bytes());
        backing.extend(b"/etc/shadow");
        let mut data = changed(104, &DATA_FILE_NAME.to_be_bytes());
        data[108..112].copy_from_slice(&8_u32.to_be_bytes());
        data.extend(b"/dev/vda");
        data.extend([0; 8]);
        let cases = [
            (backing, Qcow2Error::Refers("backing file", "/etc/shadow".to_owned())),
            (data, Qcow2Error::Refers("data file", "/dev/vda".to_owned())),
            (changed(79, &[4]), Qcow2Error::Refers("data file", String::new())),
            (changed(79, &[2]), Qcow2Error::Corrupt),
            (changed(79, &[0x20]), Qcow2Error::Features(0x20)),
            (changed(35, &[1]), Qcow2Error::Encrypted),
            (changed(7, &[4]), Qcow2Error::Version(4)),
            (header()[..60].to_vec(), Qcow2Error::Short),
            (changed(100, &[0xff; 4]), Qcow2Error::Short),
            (b"<html>".to_vec(), Qcow2Error::Other(Kind::Html)),
        ];
        for (header, error) in cases {
            assert_eq!(judge(&header), Err(error));
        }
    }
}
