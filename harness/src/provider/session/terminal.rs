//! The terminal of a program: the side that somebody sits at.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    pin::Pin,
    task::{Context, Poll, ready},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    pty::{OpenptyResult, Winsize, openpty},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, unix::AsyncFd};

use super::Size;

/// One end of a pseudo-terminal.
#[derive(Debug)]
pub(super) struct Terminal(AsyncFd<OwnedFd>);

impl Terminal {
    /// A new terminal, and the end that the program gets.
    pub(super) fn open(size: Size) -> io::Result<(Self, OwnedFd)> {
        let OpenptyResult { master, slave } = openpty(Some(&winsize(size)), None)?;
        for end in [&master, &slave] {
            fcntl(end, FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
        }
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK))?;
        Ok((Self::of(master)?, slave))
    }

    /// Tells the programs on it that it has another size.
    pub(super) fn resize(&self, size: Size) -> io::Result<()> {
        let size = winsize(size);
        // SAFETY: the descriptor is open, and the structure lives through the call.
        Errno::result(unsafe { libc::ioctl(self.0.get_ref().as_raw_fd(), libc::TIOCSWINSZ, &raw const size) })?;
        Ok(())
    }

    /// The same terminal once more.
    pub(super) fn again(&self) -> io::Result<Self> {
        Self::of(self.0.get_ref().try_clone()?)
    }

    fn of(end: OwnedFd) -> io::Result<Self> {
        // SAFETY: the descriptor is owned, and so open until the value is dropped.
        Ok(Self(unsafe { AsyncFd::register(end) }?))
    }
}

const fn winsize(size: Size) -> Winsize {
    Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 }
}

impl AsyncRead for Terminal {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            let read = guard.try_io(|end| Ok(nix::unistd::read(end.get_ref(), buffer.initialize_unfilled())?));
            match read {
                Ok(Ok(length)) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                // Nobody has the other end open any more.
                Ok(Err(error)) if error.raw_os_error() == Some(libc::EIO) => return Poll::Ready(Ok(())),
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Terminal {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(cx))?;
            if let Ok(written) = guard.try_io(|end| Ok(nix::unistd::write(end.get_ref(), bytes)?)) {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
