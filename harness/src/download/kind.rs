//! What a download is, by its first bytes: a login page has the right status and the wrong content.

use std::fmt;

use crate::catalog::image::Compression;

/// What some first bytes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A disk image in qcow2 format.
    Qcow2,
    /// A file system as snaps are one.
    Squashfs,
    /// Something compressed.
    Compressed(Compression),
    /// A web page.
    Html,
    /// JSON.
    Json,
    /// XML, as object stores answer errors.
    Xml,
    /// Other text.
    Text,
    /// A raw disk with a boot sector.
    RawDisk,
    /// Anything else.
    Binary,
    /// Nothing.
    Empty,
}

/// This many bytes are enough to know.
pub const SAMPLE: usize = 512;

impl Kind {
    /// What these first bytes, [`SAMPLE`] or all of them, belong to.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let magics: [(&[u8], Self); 5] = [
            (b"QFI\xfb", Self::Qcow2),
            (b"hsqs", Self::Squashfs),
            (b"\xfd7zXZ\0", Self::Compressed(Compression::Xz)),
            (b"\x1f\x8b", Self::Compressed(Compression::Gz)),
            (b"\x28\xb5\x2f\xfd", Self::Compressed(Compression::Zst)),
        ];
        if let Some((_, kind)) = magics.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return *kind;
        }
        if bytes.is_empty() {
            return Self::Empty;
        }
        if bytes.len() >= SAMPLE && bytes[510..512] == [0x55, 0xaa] {
            return Self::RawDisk;
        }
        // A sample may end within a character.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => return Self::Binary,
        };
        if text.contains('\0') { Self::Binary } else { Self::of_text(text) }
    }

    fn of_text(text: &str) -> Self {
        let start: String = text.trim_start_matches('\u{feff}').trim_start().chars().take(64).collect();
        let start = start.to_ascii_lowercase();
        if ["<!doctype html", "<html", "<head", "<body", "<script", "<!--"].iter().any(|tag| start.starts_with(tag)) {
            Self::Html
        } else if start.starts_with("<?xml") || start.starts_with('<') {
            Self::Xml
        } else if start.starts_with('{') || start.starts_with('[') {
            Self::Json
        } else {
            Self::Text
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Qcow2 => "a qcow2 image",
            Self::Squashfs => "a squashfs file",
            Self::Compressed(Compression::Xz) => "a file compressed with xz",
            Self::Compressed(Compression::Gz) => "a file compressed with gzip",
            Self::Compressed(Compression::Zst) => "a file compressed with Zstandard",
            Self::Html => "a web page",
            Self::Json => "JSON",
            Self::Xml => "XML",
            Self::Text => "text",
            Self::RawDisk => "a raw disk",
            Self::Binary => "data of an unknown kind",
            Self::Empty => "nothing",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Compression, Kind, SAMPLE};

    #[test]
    fn first_bytes_say_what_it_is() {
        let mut disk = vec![0; SAMPLE];
        disk[510..].copy_from_slice(&[0x55, 0xaa]);
        let cases: [(&[u8], Kind); 12] = [
            (b"QFI\xfb\0\0\0\x03", Kind::Qcow2),
            (b"hsqs\x07\0", Kind::Squashfs),
            (b"\xfd7zXZ\0\0", Kind::Compressed(Compression::Xz)),
            (b"\x1f\x8b\x08", Kind::Compressed(Compression::Gz)),
            (b"\x28\xb5\x2f\xfd", Kind::Compressed(Compression::Zst)),
            (b"\n  <!DOCTYPE HTML><html>", Kind::Html),
            (b"<?xml version='1.0'?><Error>", Kind::Xml),
            (b"{\"error\": 1}", Kind::Json),
            ("not f\u{f6}und".as_bytes(), Kind::Text),
            (&disk, Kind::RawDisk),
            (b"\0\x01\xff", Kind::Binary),
            (b"", Kind::Empty),
        ];
        for (bytes, kind) in cases {
            assert_eq!(Kind::of(bytes), kind);
        }
        assert_eq!(Kind::of(&"f\u{f6}".as_bytes()[..2]), Kind::Text, "the sample ends within a character");
    }
}
