//! The UDP echo: one datagram in, one out, from the very address that the request was sent to.
//!
//! That address matters: a machine with several would otherwise answer from whichever the route
//! prefers, and neither client nor connection tracking would know the answer.

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::SocketAddr,
    os::fd::AsRawFd,
    sync::Arc,
};

use lab_agent::protocol::Identity;
use nix::{
    cmsg_space,
    libc::{in_addr, in_pktinfo, in6_pktinfo},
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrLike, SockaddrStorage, recvmsg,
        sendmsg,
    },
};
use tokio::{io::Interest, net::UdpSocket};

use super::Echo;
use crate::{frame::Frame, listen::canonical};

/// The largest datagram that IP carries.
const LARGEST: usize = 65_535;

/// The local address a datagram was sent to, as the kernel wants it back.
enum Destination {
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

/// Where a datagram came from, where it was sent to, and its length.
struct Received {
    from: SockaddrStorage,
    to: Option<Destination>,
    length: usize,
}

/// Answers every frame, until the process ends.
pub async fn serve(socket: UdpSocket, identity: Arc<Identity>) {
    let mut buffer = vec![0; LARGEST];
    loop {
        let received = socket.async_io(Interest::READABLE, || receive(&socket, &mut buffer)).await;
        // An error here is an ICMP message about an earlier answer.
        let Ok(received) = received else { continue };
        let Some(from) = socket_address(&received.from) else { continue };
        let Ok(Some((request, _))) = Frame::decode(&buffer[..received.length]) else { continue };
        let header = Echo::new(&identity, canonical(from), request.payload.len()).json();
        let answer = Frame { header: &header, ..request }.encode();
        // A lost datagram is the client's to miss.
        drop(socket.async_io(Interest::WRITABLE, || send(&socket, &answer, &received)).await);
    }
}

fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = cmsg_space!(in6_pktinfo, in_pktinfo);
    let mut slices = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty())?;
    let to = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(Destination::V4(info)),
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(Destination::V6(info)),
        _ => None,
    });
    let from = message.address.ok_or_else(|| io::Error::other("a datagram without a source"))?;
    Ok(Received { from, to, length: message.bytes })
}

fn send(socket: &UdpSocket, answer: &[u8], received: &Received) -> io::Result<()> {
    let slices = [IoSlice::new(answer)];
    let send = |control: &[ControlMessage<'_>]| {
        sendmsg(socket.as_raw_fd(), &slices, control, MsgFlags::empty(), Some(&received.from))
    };
    // Interface 0: the route decides, as for any other answer. IPv4 takes the source from `ipi_spec_dst`.
    match &received.to {
        None => send(&[]),
        Some(Destination::V4(info)) => {
            let source = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: info.ipi_addr, ipi_addr: in_addr { s_addr: 0 } };
            send(&[ControlMessage::Ipv4PacketInfo(&source)])
        }
        Some(Destination::V6(info)) => {
            let source = in6_pktinfo { ipi6_addr: info.ipi6_addr, ipi6_ifindex: 0 };
            send(&[ControlMessage::Ipv6PacketInfo(&source)])
        }
    }?;
    Ok(())
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = |address: &SockaddrIn| SocketAddr::from((address.ip(), address.port()));
    let v6 = |address: &SockaddrIn6| SocketAddr::from((address.ip(), address.port()));
    address.family()?;
    address.as_sockaddr_in().map(v4).or_else(|| address.as_sockaddr_in6().map(v6))
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Arc};

    use lab_agent::protocol::Identity;
    use nix::sys::socket::{setsockopt, sockopt};
    use tokio::net::UdpSocket;

    use super::serve;
    use crate::{echo::Echo, frame::Frame, listen};

    /// Asks at 127.0.0.2, an address that the route back would not choose. A connected socket hears only that address.
    async fn answered_from_where_it_was_asked(server: UdpSocket) {
        let port = server.local_addr().expect("bound").port();
        tokio::spawn(serve(server, Arc::new(Identity { pod: "zeus".into(), ..Identity::default() })));
        let client = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        client.connect(SocketAddr::from(([127, 0, 0, 2], port))).await.expect("connects");
        client.send(&Frame { nonce: 7, header: &[], payload: b"abc" }.encode()).await.expect("sends");
        let mut buffer = [0; 1000];
        let length = client.recv(&mut buffer).await.expect("an answer");
        let (answer, _) = Frame::decode(&buffer[..length]).expect("a frame").expect("a whole one");
        assert_eq!((answer.nonce, answer.payload), (7, &b"abc"[..]));
        let echo: Echo = serde_json::from_slice(answer.header).expect("an echo");
        assert_eq!((&*echo.pod, echo.source.to_string(), echo.received), ("zeus", "127.0.0.1".to_owned(), 3));
    }

    #[tokio::test]
    async fn on_every_address_of_both_families() {
        answered_from_where_it_was_asked(listen::udp(0).expect("a free port")).await;
    }

    #[tokio::test]
    async fn on_every_address_without_ipv6() {
        let server = UdpSocket::bind("0.0.0.0:0").await.expect("a free port");
        setsockopt(&server, sockopt::Ipv4PacketInfo, &true).expect("supported");
        answered_from_where_it_was_asked(server).await;
    }
}
