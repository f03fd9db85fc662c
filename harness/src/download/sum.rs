//! The sums by which publishers say what a file must be.

use std::{fmt, str::FromStr};

use camino::Utf8Path;
use fs_err as fs;

use super::{hasher::Hasher, sha256::Sha256Digest};
use crate::hex;

/// The sum of a file, by what its publisher uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    /// Of images.
    Sha256(Sha256Digest),
    /// Of snaps.
    Sha3(Sha3Digest),
}

/// The SHA3-384 sum of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sha3Digest(pub(super) [u8; 48]);

impl Sum {
    /// What the kind of sum is called.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::Sha3(_) => "SHA3-384",
        }
    }

    /// Whether a file has this sum.
    pub(crate) fn is_of_file(&self, path: &Utf8Path) -> std::io::Result<bool> {
        let mut hasher = Hasher::like(self);
        hasher.feed(&mut fs::File::open(path)?, &mut |_| ())?;
        Ok(hasher.sum() == *self)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(sum) => sum.fmt(f),
            Self::Sha3(sum) => sum.fmt(f),
        }
    }
}

impl Sha3Digest {
    /// Its bytes.
    pub(crate) const fn bytes(&self) -> &[u8; 48] {
        &self.0
    }
}

/// A text that is no SHA3-384 sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no SHA3-384 sum, expected 96 hexadecimal digits")]
pub(crate) struct NoSha3;

impl FromStr for Sha3Digest {
    type Err = NoSha3;

    fn from_str(text: &str) -> Result<Self, NoSha3> {
        hex::bytes(text).map(Self).ok_or(NoSha3)
    }
}

impl fmt::Display for Sha3Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::of(self.0))
    }
}

impl fmt::Debug for Sha3Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha3Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::{Sha3Digest, Sum};
    use crate::download::hasher::Hasher;

    /// From NIST's examples of SHA3-384.
    const ABC: &str = "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b2\
                       98d88cea927ac7f539f1edf228376d25";

    #[test]
    fn sums_are_read_computed_and_written_alike() {
        let sum = Sum::Sha3(ABC.parse().expect("a sum"));
        let mut hasher = Hasher::like(&sum);
        hasher.feed(&mut &b"abc"[..], &mut |_| ()).expect("read");
        assert_eq!(hasher.sum(), sum);
        assert_eq!(sum.to_string(), ABC);
        for wrong in ["", &ABC[1..], &ABC.replace('e', "x")] {
            assert!(wrong.parse::<Sha3Digest>().is_err(), "{wrong}");
        }
    }
}
