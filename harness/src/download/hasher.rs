//! A sum in the making.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};
use sha3::Sha3_384;

use super::{
    sha256::Sha256Digest,
    sum::{Sha3Digest, Sum},
};

/// What has seen some bytes and can tell their sum.
#[derive(Clone, Debug)]
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha3(Sha3_384),
}

impl Hasher {
    /// One for sums of the kind of this one.
    pub(crate) fn like(sum: &Sum) -> Self {
        match sum {
            Sum::Sha256(_) => Self::Sha256(Sha256::new()),
            Sum::Sha3(_) => Self::Sha3(Sha3_384::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha3(hasher) => hasher.update(bytes),
        }
    }

    /// The sum of all bytes so far.
    pub(crate) fn sum(&self) -> Sum {
        match self {
            Self::Sha256(hasher) => Sum::Sha256(Sha256Digest::of(hasher.clone())),
            Self::Sha3(hasher) => Sum::Sha3(Sha3Digest(hasher.clone().finalize().into())),
        }
    }

    /// Takes all that can be read; `seen` is told how many bytes came by since the last time.
    pub(crate) fn feed(&mut self, from: &mut dyn Read, seen: &mut dyn FnMut(u64)) -> io::Result<()> {
        feed(from, &mut |bytes| {
            self.update(bytes);
            seen(bytes.len() as u64);
        })
    }
}

/// Hands on all that can be read, in pieces.
pub(super) fn feed(from: &mut dyn Read, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            length => take(&buffer[..length]),
        }
    }
}
