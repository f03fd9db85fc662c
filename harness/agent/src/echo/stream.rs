//! The TCP echo: a frame in, the same payload back with who is here. A connection may carry several.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use lab_agent::protocol::Identity;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::Echo;
use crate::{frame::Frame, listen};

/// A client that sends nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(120);

/// Answers every connection, until the process ends.
pub async fn serve(listener: TcpListener, identity: Arc<Identity>) {
    loop {
        let (stream, from) = listen::accept(&listener).await;
        let identity = Arc::clone(&identity);
        tokio::spawn(async move {
            // A client that goes away or talks otherwise is its own business.
            drop(answer(stream, from, &identity).await);
        });
    }
}

async fn answer(mut stream: TcpStream, from: SocketAddr, identity: &Identity) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let decoded = Frame::decode(&buffer).map_err(io::Error::other)?;
        if let Some((request, end)) = decoded {
            let header = Echo::new(identity, from, request.payload.len()).json();
            let answer = Frame { header: &header, ..request }.encode();
            stream.write_all(&answer).await?;
            buffer.drain(..end);
        } else if timeout(IDLE, stream.read_buf(&mut buffer)).await?? == 0 {
            return Ok(());
        }
    }
}
