//! A question in a datagram, asked again until an answer comes or the time is over.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use lab_agent::outcome::Outcome;
use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::UdpSocket,
    time::{Instant, timeout_at},
};

use super::{
    Failure, classify,
    failure::{left, whole_millis},
    icmp,
};

/// The largest datagram that IP carries.
const LARGEST: usize = 65_535;

/// How often the question is sent, evenly over the time there is.
const SENDS: u32 = 3;

/// How often a datagram that turned out too big for its path is sent again at once.
const RESENDS: u32 = 4;

/// Sends `question` and gives back what `read` makes of the first datagram that it does not pass over with `None`.
///
/// `local_addr` is set to our end as soon as there is one.
pub async fn exchange<T>(
    (to, source_port): (SocketAddr, Option<u16>),
    question: &[u8],
    deadline: Instant,
    local_addr: &mut Option<SocketAddr>,
    mut read: impl FnMut(&[u8]) -> Option<Result<T, Failure>>,
) -> Result<T, Failure> {
    let socket = open(to, source_port)?;
    *local_addr = socket.local_addr().ok();
    let limit = left(deadline);
    let mut buffer = vec![0; LARGEST];
    let mut resends = RESENDS;
    let mut held_back = None;
    for turn in 1..=SENDS {
        let until = deadline - limit * (SENDS - turn) / SENDS;
        held_back = send(&socket, to, question).await?.or(held_back);
        while let Ok(received) = timeout_at(until, socket.recv(&mut buffer)).await {
            match received {
                Ok(length) => {
                    if let Some(answer) = read(&buffer[..length]) {
                        return answer;
                    }
                }
                Err(error) if is_too_big(&error) && resends > 0 => {
                    // The path's MTU is known now: sent again, the datagram is cut accordingly.
                    resends -= 1;
                    icmp::take(&socket);
                    held_back = send(&socket, to, question).await?.or(held_back);
                }
                Err(error) => return Err(unreachable(&socket, to, &error)),
            }
        }
    }
    let held_back = held_back.map(|error| format!("; sending failed: {}", classify::named(&error))).unwrap_or_default();
    let detail =
        format!("datagram to {to}: no answer within {} ms, sent {SENDS} times{held_back}", whole_millis(limit));
    Err(Failure::new(Outcome::Timeout, detail))
}

/// Sends; gives back an error that says no more than that this packet got lost.
///
/// Our own host's firewall shows a packet that it dropped as `EPERM`; if it was a reject, its ICMP message follows.
async fn send(socket: &UdpSocket, to: SocketAddr, question: &[u8]) -> Result<Option<io::Error>, Failure> {
    let mut sent = socket.send(question).await;
    if sent.as_ref().is_err_and(is_too_big) && icmp::take(socket).is_some() {
        // That was about the packet before.
        sent = socket.send(question).await;
    }
    match sent {
        Ok(_) => Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::EPERM as i32) => Ok(Some(error)),
        Err(error) => Err(unreachable(socket, to, &error)),
    }
}

fn unreachable(socket: &UdpSocket, to: SocketAddr, error: &io::Error) -> Failure {
    Failure::connecting(&format!("datagram to {to}"), error, icmp::take(socket))
}

fn is_too_big(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EMSGSIZE as i32)
}

fn open(to: SocketAddr, source_port: Option<u16>) -> Result<UdpSocket, Failure> {
    let ours = |error: io::Error| Failure::ours("open a socket", &error);
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM.nonblocking(), Some(Protocol::UDP)).map_err(ours)?;
    icmp::collect(&socket, to.is_ipv6(), true).map_err(ours)?;
    if let Some(port) = source_port {
        let bind = || {
            socket.set_reuse_address(true)?;
            socket.bind(&unspecified(to, port).into())
        };
        bind().map_err(|error| Failure::ours(&format!("bind to source port {port}"), &error))?;
    }
    socket.connect(&to.into()).map_err(|error| Failure::connecting(&format!("datagram to {to}"), &error, None))?;
    UdpSocket::from_std(socket.into()).map_err(ours)
}

/// Any address of the family of `to`, with this port.
pub fn unspecified(to: SocketAddr, port: u16) -> SocketAddr {
    match to {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
    }
}
