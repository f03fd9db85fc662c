//! ICMP messages about our packets, from the error queue of the socket (`ip(7)`, `IP_RECVERR`).
//!
//! The errno alone does not tell a firewall's reject from a neighbour that does not answer ARP: the
//! message's code and its sender do. `IP_RECVERR` also makes a UDP socket hear net and host
//! unreachable, which it would else keep to itself.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::{AsFd, AsRawFd},
};

use nix::{
    cmsg_space, libc,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt},
};

/// One ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Of version 6.
    v6: bool,
    kind: u8,
    code: u8,
    /// Who sent it.
    from: Option<IpAddr>,
}

/// Collects messages from now on, or no longer and forgets those that are there.
pub fn collect(socket: &impl AsFd, v6: bool, on: bool) -> io::Result<()> {
    if v6 { setsockopt(socket, sockopt::Ipv6RecvErr, &on) } else { setsockopt(socket, sockopt::Ipv4RecvErr, &on) }?;
    Ok(())
}

/// Takes the messages that are there; gives back the last.
pub fn take(socket: &impl AsRawFd) -> Option<Notice> {
    let mut last = None;
    while let Ok(entry) = next(socket) {
        last = entry.or(last);
    }
    last
}

/// The next entry of the queue, `None` if it is no ICMP message; an error when the queue is empty.
fn next(socket: &impl AsRawFd) -> nix::Result<Option<Notice>> {
    let mut control = cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6, [u8; 64]);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut [], Some(&mut control), flags)?;
    Ok(message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4RecvErr(error, from) if error.ee_origin == libc::SO_EE_ORIGIN_ICMP => {
            let from = from.map(|from| Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr)).into());
            Some(Notice { v6: false, kind: error.ee_type, code: error.ee_code, from })
        }
        ControlMessageOwned::Ipv6RecvErr(error, from) if error.ee_origin == libc::SO_EE_ORIGIN_ICMP6 => {
            let from = from.map(|from| Ipv6Addr::from(from.sin6_addr.s6_addr).into());
            Some(Notice { v6: true, kind: error.ee_type, code: error.ee_code, from })
        }
        _ => None,
    }))
}

impl Notice {
    /// RFC 792, RFC 1812 and RFC 4443.
    const fn meaning(&self) -> Option<&'static str> {
        Some(match (self.v6, self.kind, self.code) {
            (false, 3, 0) => "net unreachable",
            (false, 3, 1) | (true, 1, 3) => "host unreachable",
            (false, 3, 2) => "protocol unreachable",
            (false, 3, 3) | (true, 1, 4) => "port unreachable",
            (false, 3, 4) => "fragmentation needed",
            (false, 3, 9) => "net prohibited",
            (false, 3, 10) => "host prohibited",
            (false, 3, 13) | (true, 1, 1) => "admin prohibited",
            (false, 11, _) | (true, 3, _) => "time exceeded",
            (true, 1, 0) => "no route",
            (true, 1, 5) => "source policy",
            (true, 1, 6) => "reject route",
            (true, 2, _) => "packet too big",
            _ => return None,
        })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = if self.v6 { "ICMPv6" } else { "ICMP" };
        match self.meaning() {
            Some(meaning) => write!(f, "{protocol} {meaning}")?,
            None => write!(f, "{protocol} {}/{}", self.kind, self.code)?,
        }
        match self.from {
            Some(from) => write!(f, " from {from}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, UdpSocket};

    use super::{Notice, collect, take};

    #[test]
    fn a_message_reads_as_a_person_would_say_it() {
        let from = Some(IpAddr::from([192, 0, 2, 1]));
        let say = |v6, kind, code| Notice { v6, kind, code, from }.to_string();
        assert_eq!(say(false, 3, 13), "ICMP admin prohibited from 192.0.2.1");
        assert_eq!(say(true, 1, 1), "ICMPv6 admin prohibited from 192.0.2.1");
        assert_eq!(say(false, 12, 1), "ICMP 12/1 from 192.0.2.1");
    }

    #[test]
    fn a_closed_port_leaves_its_message() {
        let closed = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port").local_addr().expect("bound");
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        collect(&socket, false, true).expect("supported");
        socket.connect(closed).expect("connects");
        socket.send(b"?").expect("sends");
        socket.recv(&mut [0]).expect_err("nobody listens");
        let notice = take(&socket).expect("the loopback answers");
        assert_eq!(notice.to_string(), "ICMP port unreachable from 127.0.0.1");
        assert_eq!(take(&socket), None);
    }
}
