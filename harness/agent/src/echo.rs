//! The echo servers: what they say, and how they are started.

mod datagram;
mod http;
mod stream;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use lab_agent::protocol::Identity;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, UdpSocket};

use crate::{cli::EchoPorts, listen};

/// Request header that says how many bytes of filler the HTTP answer is to carry after its line of JSON.
pub const BYTES_HEADER: &str = "x-pathlab-bytes";

/// What the echo says about itself and the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// Pod name.
    pub pod: String,
    /// Node name.
    pub node: String,
    /// Distro id.
    pub distro: String,
    /// Source address that the echo saw.
    pub source: IpAddr,
    /// Source port that the echo saw.
    pub source_port: u16,
    /// Bytes of body or payload that came with the request.
    pub received: usize,
    /// HTTP only: path and query of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// HTTP only: the `Host` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

impl Echo {
    fn new(identity: &Identity, from: SocketAddr, received: usize) -> Self {
        Self {
            pod: identity.pod.clone(),
            node: identity.node.clone(),
            distro: identity.distro.clone(),
            source: from.ip(),
            source_port: from.port(),
            received,
            path: None,
            host: None,
        }
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers always serialize")
    }

    /// Who answered.
    pub fn identity(&self) -> Identity {
        Identity { pod: self.pod.clone(), node: self.node.clone(), distro: self.distro.clone() }
    }
}

/// Echo servers that hold their ports.
pub struct EchoServers {
    http: Vec<TcpListener>,
    stream: Vec<TcpListener>,
    datagram: Vec<UdpSocket>,
}

impl EchoServers {
    /// Takes every port, or none.
    pub fn bind(ports: &EchoPorts) -> io::Result<Self> {
        Ok(Self {
            http: ports.http.iter().map(|port| listen::tcp(*port)).collect::<io::Result<_>>()?,
            stream: ports.stream.iter().map(|port| listen::tcp(*port)).collect::<io::Result<_>>()?,
            datagram: ports.stream.iter().map(|port| listen::udp(*port)).collect::<io::Result<_>>()?,
        })
    }

    /// Starts to answer; gives back one word per server for the line that says what is ready.
    pub fn start(self, identity: &Identity) -> Vec<String> {
        let identity = Arc::new(identity.clone());
        let mut ready = Vec::new();
        for listener in self.http {
            ready.push(word("http", listener.local_addr()));
            tokio::spawn(http::serve(listener, Arc::clone(&identity)));
        }
        for listener in self.stream {
            ready.push(word("tcp", listener.local_addr()));
            tokio::spawn(stream::serve(listener, Arc::clone(&identity)));
        }
        for socket in self.datagram {
            ready.push(word("udp", socket.local_addr()));
            tokio::spawn(datagram::serve(socket, Arc::clone(&identity)));
        }
        ready
    }
}

fn word(kind: &str, address: io::Result<SocketAddr>) -> String {
    address.map_or_else(|_| kind.to_owned(), |address| format!("{kind} {address}"))
}
