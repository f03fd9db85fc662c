//! Bytes as hexadecimal digits and back, and the SHA-256 sums that are written so.

use sha2::{Digest as _, Sha256};

/// Two digits for each byte, in lower case.
#[must_use]
pub fn of(bytes: impl AsRef<[u8]>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of which a text has two digits each; none where it has others, or not as many.
#[must_use]
pub fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |letter: u8| char::from(letter).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

/// The SHA-256 sum of some bytes.
#[must_use]
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    of(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::{bytes, of, sha256};

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(of([0, 10, 255]), "000aff");
        assert_eq!(bytes("000aFf"), Some([0, 10, 255]));
        assert_eq!([bytes::<2>("000aff"), bytes("00a"), bytes("00gg"), bytes("0\u{e4}0")], [None; 4]);
    }

    #[test]
    fn a_sum_has_64_digits() {
        assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
