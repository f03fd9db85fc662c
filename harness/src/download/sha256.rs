//! SHA-256 sums: parsed, computed, compared.

use std::{fmt, str::FromStr};

use camino::Utf8Path;
use fs_err as fs;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

use super::hasher::feed;
use crate::hex;

/// The SHA-256 sum of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// The sum of what a hasher has seen.
    pub(crate) fn of(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// The sum of some bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The sum of a file's content.
    pub(crate) fn of_file(path: &Utf8Path) -> std::io::Result<Self> {
        let mut hasher = Sha256::new();
        feed(&mut fs::File::open(path)?, &mut |bytes| hasher.update(bytes))?;
        Ok(Self::of(hasher))
    }

    /// The first twelve digits: enough for a name.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

/// A text that is no SHA-256 sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no SHA-256 sum, expected 64 hexadecimal digits")]
pub struct NoDigest;

impl FromStr for Sha256Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        hex::bytes(text).map(Self).ok_or(NoDigest)
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::of(self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256Digest({self})")
    }
}

impl Serialize for Sha256Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{NoDigest, Sha256Digest};

    #[test]
    fn a_sum_is_64_digits() {
        let sum = Sha256Digest::of_bytes(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((sum.to_string().as_str(), sum.short().as_str()), (text, "ba7816bf8f01"));
        assert_eq!(text.to_uppercase().parse(), Ok(sum));
        for bad in ["", "abc", &text[1..], &format!("{text}0"), &text.replace('b', "g"), &"é".repeat(32)] {
            assert_eq!(bad.parse::<Sha256Digest>(), Err(NoDigest), "{bad}");
        }
    }
}
