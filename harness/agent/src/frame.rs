//! The echo's own framing over TCP and UDP, and the filler that large messages carry.
//!
//! A frame is the magic number, a nonce that ties an answer to its request, the lengths of header and
//! payload (32 bits each, big endian), the header (JSON; empty in a request) and the payload. The echo
//! sends back the nonce and the payload with a header that says who it is.

const MAGIC: [u8; 4] = *b"PLE1";
const PRELUDE: usize = 16;
const HEADER_LIMIT: usize = 4096;

/// Longest payload and body, in bytes, that the echo takes.
pub const PAYLOAD_LIMIT: usize = 16 << 20;

/// Longest payload of a datagram, in bytes: what UDP over IPv4 carries, less the room that frame and header of the
/// answer may need.
pub const DATAGRAM_LIMIT: usize = 65_507 - PRELUDE - HEADER_LIMIT;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Chosen by the client, sent back by the echo.
    pub nonce: u32,
    /// JSON, or nothing.
    pub header: &'a [u8],
    /// Sent back as it came.
    pub payload: &'a [u8],
}

/// These bytes are not, and do not begin, a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a frame of the echo")]
pub struct NotAFrame;

impl<'a> Frame<'a> {
    /// The frame as it goes over the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PRELUDE + self.header.len() + self.payload.len());
        bytes.extend(MAGIC);
        bytes.extend(self.nonce.to_be_bytes());
        for part in [self.header, self.payload] {
            bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
        bytes.extend(self.header);
        bytes.extend(self.payload);
        bytes
    }

    /// The frame that `bytes` begins with and its length in bytes; `None` when more bytes are needed to tell.
    pub fn decode(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, NotAFrame> {
        if bytes.iter().zip(MAGIC).any(|(byte, magic)| *byte != magic) {
            return Err(NotAFrame);
        }
        let Some((prelude, rest)) = bytes.split_at_checked(PRELUDE) else { return Ok(None) };
        let word = |at: usize| prelude[at..at + 4].iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let length = |at: usize| usize::try_from(word(at)).map_err(|_| NotAFrame);
        let (header, payload) = (length(8)?, length(12)?);
        if header > HEADER_LIMIT || payload > PAYLOAD_LIMIT {
            return Err(NotAFrame);
        }
        let end = PRELUDE + header + payload;
        if bytes.len() < end {
            return Ok(None);
        }
        Ok(Some((Self { nonce: word(4), header: &rest[..header], payload: &rest[header..header + payload] }, end)))
    }
}

/// Length of the pattern: prime, so that no block boundary hides a shift.
const PATTERN: usize = 251;

/// `length` bytes in which every byte tells its place.
pub fn filler(length: usize) -> Vec<u8> {
    (0..=u8::MAX).take(PATTERN).cycle().take(length).collect()
}

/// Whether `bytes` are [`filler`].
pub fn is_filler(bytes: &[u8]) -> bool {
    bytes.chunks(PATTERN).all(|chunk| chunk.iter().copied().eq((0..=u8::MAX).take(chunk.len())))
}

#[cfg(test)]
mod tests {
    use super::{Frame, MAGIC, NotAFrame, PAYLOAD_LIMIT, filler, is_filler};

    #[test]
    fn a_frame_reads_back_from_any_number_of_pieces() {
        let payload = filler(1000);
        let bytes = Frame { nonce: 0xDEAD_BEEF, header: b"{}", payload: &payload }.encode();
        for end in 0..bytes.len() {
            assert_eq!(Frame::decode(&bytes[..end]), Ok(None), "{end}");
        }
        let mut more = bytes.clone();
        more.push(7);
        let (frame, end) = Frame::decode(&more).expect("a frame").expect("complete");
        assert_eq!((frame.nonce, frame.header, frame.payload), (0xDEAD_BEEF, &b"{}"[..], &payload[..]));
        assert_eq!(end, bytes.len());
    }

    #[test]
    fn other_bytes_are_told_at_once() {
        assert_eq!(Frame::decode(b"HTTP/1.1 400 Bad Request"), Err(NotAFrame));
        assert_eq!(Frame::decode(b"PX"), Err(NotAFrame));
        let mut huge = MAGIC.to_vec();
        huge.extend([0; 8]);
        huge.extend(u32::try_from(PAYLOAD_LIMIT + 1).expect("fits").to_be_bytes());
        assert_eq!(Frame::decode(&huge), Err(NotAFrame));
    }

    #[test]
    fn filler_shows_loss_and_change() {
        let mut bytes = filler(2000);
        assert!(is_filler(&bytes) && is_filler(&[]));
        assert!(!is_filler(&bytes[1..]));
        bytes[1500] ^= 1;
        assert!(!is_filler(&bytes));
    }
}
