//! Ways to the API server's port: out of band through a machine, or a plain address.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use tokio::{net::TcpStream, time::timeout};

use crate::provider::{Machine, Stream};

/// How long one connection may take to open; the way is out of band, so that no path under test decides it.
const DIAL_LIMIT: Duration = Duration::from_secs(10);

/// Opens connections to one API server.
#[async_trait]
pub trait Dial: Send + Sync {
    /// A new connection to the API server's port.
    async fn dial(&self) -> io::Result<Box<dyn Stream>>;
}

/// Through a unix socket on a machine, where `lab-agent relay` (see [`relay`]) leads to the API server.
pub struct MachineDial {
    /// The machine.
    pub machine: Arc<dyn Machine>,
    /// The relay's socket there.
    pub socket: Utf8PathBuf,
}

/// Straight to an address that this machine reaches, such as the near end of an SSH forward.
pub struct TcpDial(pub SocketAddr);

#[async_trait]
impl Dial for MachineDial {
    async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        let opened = timeout(DIAL_LIMIT, self.machine.connect(&self.socket)).await.map_err(|_| too_slow())?;
        opened.map_err(io::Error::other)
    }
}

#[async_trait]
impl Dial for TcpDial {
    async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.0));
        let opened = timeout(DIAL_LIMIT, TcpStream::connect(self.0)).await.map_err(|_| named(too_slow()))?;
        Ok(Box::new(opened.map_err(named)?))
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {DIAL_LIMIT:?}"))
}

/// The program with its arguments that relays from a unix socket to `to` in its own network namespace.
///
/// `agent` is where `lab-agent` lies on the machine. It goes on until it is ended, and has printed
/// [`RELAY_READY`] once the socket may be connected to.
#[must_use]
pub fn relay(agent: &str, socket: &Utf8Path, to: SocketAddr) -> Vec<String> {
    [agent, "relay", "--socket", socket.as_str(), "--to", &to.to_string()].map(str::to_owned).to_vec()
}

/// What a relay prints when it listens.
pub const RELAY_READY: &str = "lab-agent ready: ";

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::{Dial as _, TcpDial};

    #[tokio::test]
    async fn an_address_is_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mut stream = TcpDial(address).dial().await.expect("connects");
        let (mut other, _) = listener.accept().await.expect("accepts");
        other.write_all(b"hello").await.expect("writes");
        drop(other);
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("reads");
        assert_eq!(text, "hello");
        drop(listener);
        let error = TcpDial(address).dial().await.err().expect("nobody listens").to_string();
        assert!(error.starts_with(&address.to_string()), "{error}");
    }
}
