//! The UDP probe: a datagram to the stream echo and back. What is larger than the MTU travels in fragments.

use std::net::SocketAddr;

use lab_agent::outcome::Outcome;

use super::{Failure, attempt::Attempt, datagram};
use crate::{
    echo::Echo,
    frame::{DATAGRAM_LIMIT, Frame, filler, is_filler},
    resolver::random,
};

/// Sends `bytes` bytes and wants them back.
pub async fn exchange(to: SocketAddr, bytes: usize, attempt: &mut Attempt<'_>) -> Result<String, Failure> {
    if bytes > DATAGRAM_LIMIT {
        let detail = format!("a datagram carries up to {DATAGRAM_LIMIT} bytes, not {bytes}");
        return Err(Failure::new(Outcome::Error, detail));
    }
    attempt.peer_addr = Some(to);
    let nonce = random();
    let payload = filler(bytes);
    let question = Frame { nonce, header: &[], payload: &payload }.encode();
    let read_datagram = |datagram: &[u8]| match Frame::decode(datagram) {
        Ok(Some((answer, _))) if answer.nonce == nonce => Some(read(&answer, nonce, bytes)),
        // A late answer to an earlier exchange from the same port.
        Ok(Some(_)) => None,
        Ok(None) | Err(_) => Some(Err(Failure::new(Outcome::WrongBackend, "the answer is not that of an echo"))),
    };
    let ends = (to, attempt.source_port);
    let echo = datagram::exchange(ends, &question, attempt.deadline, &mut attempt.local_addr, read_datagram).await?;
    attempt.judge(&echo, bytes)
}

/// What the echo says in its frame, if the frame answers our request and carries it back unchanged.
pub fn read(answer: &Frame<'_>, nonce: u32, bytes: usize) -> Result<Echo, Failure> {
    let wrong = |detail: &str| Failure::new(Outcome::WrongBackend, detail);
    let echo = serde_json::from_slice(answer.header).map_err(|_| wrong("the answer is not that of an echo"))?;
    if answer.nonce != nonce {
        return Err(wrong("the answer is to another request"));
    }
    if answer.payload.len() != bytes || !is_filler(answer.payload) {
        return Err(wrong("the answer's bytes are not those that were sent"));
    }
    Ok(echo)
}
