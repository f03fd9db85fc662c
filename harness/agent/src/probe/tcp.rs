//! The TCP probes: an exchange with the stream echo, or the bare connection.

use std::net::SocketAddr;

use lab_agent::outcome::Outcome;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Failure, attempt::Attempt, failure::before, stream, udp};
use crate::{
    frame::{Frame, PAYLOAD_LIMIT, filler},
    resolver::random,
};

/// Connects and notes both ends.
pub async fn connect(to: SocketAddr, attempt: &mut Attempt<'_>) -> Result<TcpStream, Failure> {
    attempt.peer_addr = Some(to);
    stream::connect((to, attempt.source_port), attempt.deadline, &mut attempt.local_addr).await
}

/// Sends `bytes` bytes to a stream echo and wants them back.
pub async fn exchange(to: SocketAddr, bytes: usize, attempt: &mut Attempt<'_>) -> Result<String, Failure> {
    if bytes > PAYLOAD_LIMIT {
        return Err(Failure::new(Outcome::Error, format!("the echo takes up to {PAYLOAD_LIMIT} bytes, not {bytes}")));
    }
    let mut stream = connect(to, attempt).await?;
    let nonce = random();
    let payload = filler(bytes);
    let question = Frame { nonce, header: &[], payload: &payload }.encode();
    let stalled = |detail| move || Failure::new(Outcome::Stalled, detail);
    let late = stalled(format!("connected to {to}, then the request could not be sent in time"));
    before(attempt.deadline, stream.write_all(&question), late)
        .await?
        .map_err(|error| Failure::exchanging("send the request", &error))?;
    let mut buffer = Vec::new();
    loop {
        let decoded = Frame::decode(&buffer).map_err(|error| Failure::new(Outcome::WrongBackend, error.to_string()))?;
        if let Some((answer, _)) = decoded {
            return attempt.judge(&udp::read(&answer, nonce, bytes)?, bytes);
        }
        let so_far = buffer.len();
        let late = stalled(format!("connected to {to}, then no whole answer in time: {so_far} bytes came"));
        let length = before(attempt.deadline, stream.read_buf(&mut buffer), late)
            .await?
            .map_err(|error| Failure::exchanging(&format!("read the answer, after {so_far} bytes"), &error))?;
        if length == 0 {
            let detail = format!("the connection was closed after {so_far} bytes of the answer");
            return Err(Failure::new(Outcome::Reset, detail));
        }
    }
}
