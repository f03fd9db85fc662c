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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lab_agent::outcome::Outcome;
    use tokio::{net::UdpSocket, time::Instant};

    use super::{Attempt, exchange};
    use crate::frame::Frame;

    /// A probe of 3 bytes to a server whose answer is what `twist` makes of the request.
    async fn answered(limit: Duration, twist: fn(Frame<'_>) -> Vec<u8>) -> Result<String, (Outcome, String)> {
        let server = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let to = server.local_addr().expect("bound");
        tokio::spawn(async move {
            let mut buffer = [0; 100];
            while let Ok((length, from)) = server.recv_from(&mut buffer).await {
                let (request, _) = Frame::decode(&buffer[..length]).expect("a frame").expect("a whole one");
                server.send_to(&twist(request), from).await.expect("sends");
            }
        });
        let mut attempt = Attempt::new(Instant::now() + limit, None, &[]);
        exchange(to, 3, &mut attempt).await.map_err(|failure| (failure.outcome, failure.detail))
    }

    const HEADER: &[u8] = br#"{"pod":"zeus","node":"","distro":"","source":"127.0.0.1","source_port":1,"received":3}"#;

    #[tokio::test]
    async fn only_our_own_bytes_from_an_echo_are_right() {
        let limit = Duration::from_secs(20);
        let right = answered(limit, |request| Frame { header: HEADER, ..request }.encode()).await;
        assert_eq!(right, Ok("zeus answered, saw 127.0.0.1".to_owned()));
        let wrong = |detail: &str| Err((Outcome::WrongBackend, detail.to_owned()));
        let other = answered(limit, |_| b"hello".to_vec()).await;
        assert_eq!(other, wrong("the answer is not that of an echo"));
        let nameless = answered(limit, |request| request.encode()).await;
        assert_eq!(nameless, wrong("the answer is not that of an echo"));
        let changed = answered(limit, |request| Frame { header: HEADER, payload: b"abc", ..request }.encode()).await;
        assert_eq!(changed, wrong("the answer's bytes are not those that were sent"));
    }

    #[tokio::test]
    async fn answers_to_others_are_passed_over() {
        let twist = |request: Frame<'_>| Frame { nonce: !request.nonce, header: HEADER, ..request }.encode();
        let late = answered(Duration::from_millis(200), twist).await;
        assert_eq!(late.map_err(|(outcome, _)| outcome), Err(Outcome::Timeout));
    }
}
