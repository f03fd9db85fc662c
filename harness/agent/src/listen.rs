//! Sockets that listen on every address, of both families where the kernel has both.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const BACKLOG: i32 = 1024;

/// A TCP listener on `port`.
pub fn tcp(port: u16) -> io::Result<TcpListener> {
    let socket = bound(Type::STREAM, Protocol::TCP, port)?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// A UDP socket on `port` that reports to which of our addresses a datagram was sent.
pub fn udp(port: u16) -> io::Result<UdpSocket> {
    let socket = bound(Type::DGRAM, Protocol::UDP, port)?;
    if socket.domain()? == Domain::IPV6 {
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    }
    UdpSocket::from_std(socket.into())
}

/// The next connection. Running out of descriptors is a matter of time, not an end.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => return (stream, canonical(from)),
            Err(error) => {
                eprintln!("lab-agent: failed to accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// The address with IPv4-mapped IPv6 written as the IPv4 that it is.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn bound(kind: Type, protocol: Protocol, port: u16) -> io::Result<Socket> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("failed to listen on port {port}: {error}"));
    let both = Socket::new(Domain::IPV6, kind.nonblocking(), Some(protocol)).and_then(|socket| {
        socket.set_only_v6(false)?;
        bind(socket, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
    });
    match both {
        Err(error) if lacks_ipv6(&error) => Socket::new(Domain::IPV4, kind.nonblocking(), Some(protocol))
            .and_then(|socket| bind(socket, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))),
        result => result,
    }
    .map_err(named)
}

fn bind(socket: Socket, address: SocketAddr) -> io::Result<Socket> {
    // A restarted server must not wait for the connections of its predecessor; for UDP the same option would let two
    // servers share a port unnoticed.
    if socket.r#type()? == Type::STREAM {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Built without IPv6, or switched off by `disable_ipv6`.
fn lacks_ipv6(error: &io::Error) -> bool {
    use nix::libc::{EADDRNOTAVAIL, EAFNOSUPPORT};
    matches!(error.raw_os_error(), Some(EAFNOSUPPORT | EADDRNOTAVAIL))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::TcpStream;

    use super::{accept, canonical, tcp, udp};

    #[test]
    fn mapped_addresses_are_ipv4() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:80".parse().expect("an address");
        assert_eq!(canonical(mapped).to_string(), "192.0.2.1:80");
    }

    #[tokio::test]
    async fn ipv4_clients_are_seen_as_ipv4() {
        let listener = tcp(0).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let client = TcpStream::connect(("127.0.0.1", port)).await.expect("connects");
        let (_, from) = accept(&listener).await;
        assert_eq!(from, client.local_addr().expect("connected"));
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error() {
        let taken = udp(0).expect("a free port").local_addr().expect("bound");
        let first = udp(taken.port()).expect("free again");
        let error = udp(first.local_addr().expect("bound").port()).expect_err("taken");
        assert!(error.to_string().starts_with(&format!("failed to listen on port {}", taken.port())), "{error}");
    }
}
