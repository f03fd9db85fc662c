//! Names and numbers that Kubernetes draws at random, here drawn from a hash: the same in every run.

use sha2::{Digest, Sha256};

/// The letters of generated names.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A generated part of a name.
#[must_use]
pub fn suffix(seed: &str, length: usize) -> String {
    let hash = Sha256::digest(seed);
    hash[..length].iter().map(|&byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])).collect()
}

/// A number from 0 to `below` - 1.
#[must_use]
pub fn number(seed: &str, below: u16) -> u16 {
    let hash = Sha256::digest(seed);
    u16::from_be_bytes([hash[0], hash[1]]) % below
}

#[cfg(test)]
mod tests {
    use super::{number, suffix};

    #[test]
    fn the_same_seed_gives_the_same() {
        assert_eq!(suffix("zeus", 5), suffix("zeus", 5));
        assert_ne!(suffix("zeus", 10), suffix("hera", 10));
        assert_eq!(suffix("zeus", 10).len(), 10);
        assert!(number("zeus", 7) < 7);
    }
}
