//! Opening a TCP connection, so that what stops it can be told.

use std::{io, mem, net::SocketAddr, os::fd::AsRawFd as _, time::Duration};

use lab_agent::outcome::Outcome;
use nix::libc::{self, EINPROGRESS};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpStream, time::Instant};

use super::{
    Failure,
    failure::{before, left, whole_millis},
    icmp,
};

/// Connects, from `source_port` if one is given. `local_addr` is set to our end as soon as there is one.
pub async fn connect(
    (to, source_port): (SocketAddr, Option<u16>),
    deadline: Instant,
    local_addr: &mut Option<SocketAddr>,
) -> Result<TcpStream, Failure> {
    let phase = format!("connect to {to}");
    let limit = left(deadline);
    let socket = open(to, source_port)?;
    if let Err(error) = socket.connect(&to.into())
        && error.raw_os_error() != Some(EINPROGRESS)
    {
        return Err(Failure::connecting(&phase, &error, icmp::take(&socket)));
    }
    *local_addr = socket.local_addr().ok().and_then(|address| address.as_socket());
    let stream = TcpStream::from_std(socket.into()).map_err(|error| Failure::ours(&phase, &error))?;
    let late = || Failure::new(Outcome::Timeout, format!("{phase}: no answer within {} ms", whole_millis(limit)));
    before(deadline, established(&stream), late)
        .await?
        .map_err(|error| Failure::connecting(&phase, &error, icmp::take(&stream)))?;
    // Who was kept from looking until its time was over may see an answer that came to a later try of the kernel's only.
    if Instant::now() > deadline && was_sent_again(&stream) {
        return Err(late());
    }
    // From here on we want what every client gets: ICMP messages do not break a connection that stands.
    icmp::collect(&stream, to.is_ipv6(), false).map_err(|error| Failure::ours(&phase, &error))?;
    Ok(stream)
}

/// A socket for `to` that collects ICMP messages, bound when the source port matters.
fn open(to: SocketAddr, source_port: Option<u16>) -> Result<Socket, Failure> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), Some(Protocol::TCP))
        .map_err(|error| Failure::ours("open a socket", &error))?;
    icmp::collect(&socket, to.is_ipv6(), true).map_err(|error| Failure::ours("open a socket", &error))?;
    if let Some(port) = source_port {
        let bind = || {
            socket.set_reuse_address(true)?;
            // Closed with a RST, the same pair of addresses and ports is free for the next exchange at once.
            socket.set_linger(Some(Duration::ZERO))?;
            socket.bind(&super::datagram::unspecified(to, port).into())
        };
        bind().map_err(|error| Failure::ours(&format!("bind to source port {port}"), &error))?;
    }
    Ok(socket)
}

/// Waits until the handshake is over, well or not.
async fn established(stream: &TcpStream) -> io::Result<()> {
    loop {
        stream.writable().await?;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Ok(_) => return Ok(()),
            // Woken without a reason.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => tokio::task::yield_now().await,
            Err(error) => return Err(error),
        }
    }
}

/// Whether the kernel has sent anything of this connection more than once.
fn was_sent_again(stream: &TcpStream) -> bool {
    // SAFETY: of plain numbers all zero is a value.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).unwrap_or_default();
    // SAFETY: the descriptor is open, and the kernel writes no more than `length` bytes.
    let asked = unsafe {
        libc::getsockopt(stream.as_raw_fd(), libc::SOL_TCP, libc::TCP_INFO, (&raw mut info).cast(), &raw mut length)
    };
    asked == 0 && info.tcpi_total_retrans > 0
}

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv4Addr, SocketAddr},
        time::Duration,
    };

    use lab_agent::outcome::Outcome;
    use tokio::{net::TcpListener, time::Instant};

    use super::connect;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let to = listener.local_addr().expect("bound");
        drop(listener);
        let failure = connect((to, None), soon(), &mut None).await.expect_err("closed");
        assert_eq!(failure.outcome, Outcome::Refused);
        assert_eq!(failure.detail, format!("connect to {to}: ECONNREFUSED (Connection refused)"));
    }

    #[tokio::test]
    async fn the_source_port_is_kept_from_one_connection_to_the_next() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let to = listener.local_addr().expect("bound");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        for _ in 0..3 {
            let stream = connect((to, Some(port)), soon(), &mut None).await.expect("connects");
            let (_, from) = listener.accept().await.expect("accepts");
            assert_eq!(from, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            drop(stream);
        }
    }
}
