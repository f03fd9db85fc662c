//! A relay: what comes over a unix socket goes on over TCP, and back.
//!
//! The harness reaches unix sockets of a machine out of band, but no port that listens on the machine's own address, such
//! as the Kubernetes API's.

use std::{io, net::SocketAddr, path::Path, time::Duration};

use tokio::{
    io::copy_bidirectional,
    net::{TcpStream, UnixListener, UnixStream},
};

use crate::socket;

/// A relay that listens.
pub struct Relay {
    listener: UnixListener,
    to: SocketAddr,
}

impl Relay {
    /// Listens at `path` for connections to `to`.
    pub fn bind(path: &Path, to: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: socket::bind(path)?, to })
    }

    /// Relays in the background. A connection that cannot be made is closed at once.
    pub fn start(self) {
        tokio::spawn(async move {
            loop {
                match self.listener.accept().await {
                    // Either side may end it at any time: that is nobody's error.
                    Ok((near, _)) => drop(tokio::spawn(async move { drop(pass(near, self.to).await) })),
                    Err(error) => {
                        eprintln!("lab-agent: failed to accept a connection to relay: {error}");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        });
    }
}

async fn pass(mut near: UnixStream, to: SocketAddr) -> io::Result<()> {
    let mut far = TcpStream::connect(to).await?;
    far.set_nodelay(true)?;
    copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, UnixStream},
    };

    use super::Relay;

    #[tokio::test]
    async fn both_directions_and_both_ends_are_passed_on() {
        let path = std::env::temp_dir().join(format!("lab-agent-relay-{}.sock", std::process::id()));
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let to = server.local_addr().expect("bound");
        Relay::bind(&path, to).expect("listens").start();

        let mut near = UnixStream::connect(&path).await.expect("listens");
        near.write_all(b"question").await.expect("writes");
        near.shutdown().await.expect("ends its side");
        let (mut far, _) = server.accept().await.expect("is connected to");
        let mut text = String::new();
        far.read_to_string(&mut text).await.expect("the end is passed on");
        assert_eq!(text, "question");
        far.write_all(b"answer").await.expect("writes after the other's end");
        drop(far);
        text.clear();
        near.read_to_string(&mut text).await.expect("the answer comes");
        assert_eq!(text, "answer");

        drop(server);
        let mut refused = UnixStream::connect(&path).await.expect("still listens");
        text.clear();
        refused.read_to_string(&mut text).await.expect("closed, not kept waiting");
        assert_eq!(text, "");
        std::fs::remove_file(&path).expect("was there");
    }
}
