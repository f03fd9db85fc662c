//! What the harness and the sandbox's supervisor say to each other.
//!
//! The harness passes one end of a fresh socket pair over the control socket for each request. A request is
//! a frame that holds JSON; what follows depends on it. A frame is its length (four bytes, little endian)
//! and its bytes. When the control socket closes, the supervisor ends, and the lab with it.

use std::{io, net::SocketAddr};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A network, mount and UTS namespace of the sandbox: a machine or a pod.
pub type SpaceId = u32;

/// Largest frame that is accepted, in bytes.
const FRAME_LIMIT: u32 = 64 << 20;

/// What the harness asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Make a space. Answered with [`Answer::Space`].
    Space(NewSpace),
    /// End the spaces whose names start with this, and every process in them. Answered with [`Answer::Done`].
    Remove {
        /// Start of their names.
        prefix: String,
    },
    /// Run a program; a frame with its standard input follows. Answered with [`Answer::Output`] parts and
    /// then [`Answer::Exit`]. Closing the sending half ends the program.
    Run(Launch),
    /// Start a program that lives as long as the lab. Answered with [`Answer::Done`].
    Daemon {
        /// The program.
        launch: Launch,
        /// File for what it prints, in the lab's own folder.
        log: Utf8PathBuf,
    },
    /// Write a file in a space; a frame with its content follows. Answered with [`Answer::Done`].
    Write {
        /// Where.
        space: SpaceId,
        /// Absolute path; folders are created.
        path: Utf8PathBuf,
        /// Mode, as in `chmod`.
        mode: u32,
    },
    /// Connect to a unix socket in a space. Answered with [`Answer::Done`], then the bytes are the stream's.
    Connect {
        /// Where.
        space: SpaceId,
        /// Absolute path of the socket.
        socket: Utf8PathBuf,
    },
    /// Connect to an address in a space. Answered with [`Answer::Done`], then the bytes are the stream's.
    ConnectTcp {
        /// Where.
        space: SpaceId,
        /// The address.
        to: SocketAddr,
    },
    /// Carry what comes to an address in one space to an address in another. Answered with [`Answer::Done`].
    Forward {
        /// Where to listen.
        space: SpaceId,
        /// The address there.
        listen: SocketAddr,
        /// Where it leads.
        to_space: SpaceId,
        /// The address there.
        to: SocketAddr,
    },
}

/// A space to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewSpace {
    /// Unique in the lab.
    pub name: String,
    /// Its host name.
    pub hostname: String,
}

/// A program to start in a space.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Launch {
    /// Where.
    pub space: SpaceId,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment beyond the lab's own.
    pub env: Vec<(String, String)>,
}

/// What the supervisor answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Done.
    Done,
    /// The space is there.
    Space {
        /// Its id.
        id: SpaceId,
        /// Path of its network namespace, valid everywhere in the sandbox.
        netns: Utf8PathBuf,
    },
    /// The program printed something; a frame with the bytes follows.
    Output {
        /// On standard error rather than standard output.
        stderr: bool,
    },
    /// The program ended.
    Exit {
        /// Its status; 128 + the signal's number when a signal ended it.
        status: i32,
    },
    /// It did not work.
    Failed {
        /// Why.
        reason: String,
    },
}

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
