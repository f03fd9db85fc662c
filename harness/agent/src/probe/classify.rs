//! From what the kernel said to an outcome.

use std::io;

use lab_agent::outcome::Outcome;
use nix::errno::Errno;

/// An error while the connection was being made, or from a connected datagram socket.
///
/// ICMP messages arrive as these errors: port unreachable as `ECONNREFUSED`, prohibited and host unreachable as
/// `EHOSTUNREACH` (IPv6: `EACCES`), protocol unreachable as `ENOPROTOOPT`.
pub fn connecting(error: &io::Error) -> Outcome {
    match errno(error) {
        Errno::EHOSTUNREACH
        | Errno::ENETUNREACH
        | Errno::EACCES
        | Errno::EPERM
        | Errno::EHOSTDOWN
        | Errno::ENONET
        | Errno::ENOPROTOOPT
        | Errno::EPROTO => Outcome::Rejected,
        Errno::ECONNREFUSED => Outcome::Refused,
        // A blackhole route of our own host answers EINVAL: packets vanish there.
        Errno::ETIMEDOUT | Errno::EINVAL => Outcome::Timeout,
        // Accepted and cut before we looked.
        Errno::ECONNRESET | Errno::EPIPE => Outcome::Reset,
        _ => Outcome::Error,
    }
}

/// An error on a connection that stood.
pub fn exchanging(error: &io::Error) -> Outcome {
    match errno(error) {
        Errno::ECONNRESET | Errno::EPIPE | Errno::ECONNABORTED | Errno::ENOTCONN => Outcome::Reset,
        // The kernel gave up sending the same data again.
        Errno::ETIMEDOUT | Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EACCES => Outcome::Stalled,
        _ if error.kind() == io::ErrorKind::UnexpectedEof => Outcome::Reset,
        _ => Outcome::Error,
    }
}

/// The errno's name and meaning, or what the error says when it has none.
pub fn named(error: &io::Error) -> String {
    match errno(error) {
        Errno::UnknownErrno => error.to_string(),
        errno => format!("{errno:?} ({})", errno.desc()),
    }
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use std::io;

    use lab_agent::outcome::Outcome;
    use nix::errno::Errno;

    use super::{connecting, exchanging, named};

    #[test]
    fn errors_before_the_connection_stands() {
        for (errno, outcome) in [
            (Errno::EHOSTUNREACH, Outcome::Rejected),
            (Errno::ENETUNREACH, Outcome::Rejected),
            (Errno::EACCES, Outcome::Rejected),
            (Errno::ECONNREFUSED, Outcome::Refused),
            (Errno::ETIMEDOUT, Outcome::Timeout),
            (Errno::ECONNRESET, Outcome::Reset),
            (Errno::EMFILE, Outcome::Error),
            (Errno::EADDRINUSE, Outcome::Error),
        ] {
            assert_eq!(connecting(&errno.into()), outcome, "{errno}");
        }
    }

    #[test]
    fn errors_after_the_connection_stood() {
        for (errno, outcome) in [
            (Errno::ECONNRESET, Outcome::Reset),
            (Errno::EPIPE, Outcome::Reset),
            (Errno::ETIMEDOUT, Outcome::Stalled),
            (Errno::EHOSTUNREACH, Outcome::Stalled),
            (Errno::ENOMEM, Outcome::Error),
        ] {
            assert_eq!(exchanging(&errno.into()), outcome, "{errno}");
        }
        assert_eq!(exchanging(&io::ErrorKind::UnexpectedEof.into()), Outcome::Reset);
    }

    #[test]
    fn details_hold_the_errno_name() {
        assert_eq!(named(&Errno::EHOSTUNREACH.into()), "EHOSTUNREACH (No route to host)");
        assert_eq!(named(&io::Error::other("odd")), "odd");
    }
}
