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
