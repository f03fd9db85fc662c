//! Frames: how the processes of a lab talk over streams. A frame is its length (four bytes, little endian) and its
//! bytes; most hold JSON.

use std::io;

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Largest frame that is accepted, in bytes.
const FRAME_LIMIT: u32 = 64 << 20;

/// Sends one frame.
pub async fn send_bytes<W: AsyncWrite + Unpin>(stream: &mut W, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= FRAME_LIMIT);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "frame over 64 MiB"))?;
    stream.write_all(&length.to_le_bytes()).await?;
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Receives one frame.
pub async fn receive_bytes<R: AsyncRead + Unpin>(stream: &mut R) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let length = u32::from_le_bytes(length);
    if length > FRAME_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame over 64 MiB"));
    }
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Sends one frame that holds JSON.
pub async fn send<W: AsyncWrite + Unpin, T: Serialize>(stream: &mut W, message: &T) -> io::Result<()> {
    send_bytes(stream, &serde_json::to_vec(message)?).await
}

/// Receives one frame that holds JSON.
pub async fn receive<R: AsyncRead + Unpin, T: DeserializeOwned>(stream: &mut R) -> io::Result<T> {
    Ok(serde_json::from_slice(&receive_bytes(stream).await?)?)
}
