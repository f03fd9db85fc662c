//! The unix socket in a lab's folder.

use std::{
    fs::File,
    io,
    os::{
        fd::AsRawFd as _,
        unix::{fs::OpenOptionsExt as _, net::UnixListener as StdUnixListener},
    },
    path::PathBuf,
};

use camino::Utf8Path;
use nix::unistd::Uid;
use tokio::net::{UnixListener, UnixStream};

const NAME: &str = "socket";

/// A path to the socket through the open folder: the name of a socket may not be longer than 107 bytes, a folder's
/// may.
fn short(folder: &Utf8Path) -> io::Result<(File, PathBuf)> {
    let folder = File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(folder)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd()));
    Ok((folder, path))
}

/// Listens in a lab's folder, which only its user may enter.
pub(super) fn listen(folder: &Utf8Path) -> io::Result<UnixListener> {
    let (_open, path) = short(folder)?;
    let listener = StdUnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Connects to who listens in a lab's folder.
pub(super) async fn connect(folder: &Utf8Path) -> io::Result<UnixStream> {
    let (_open, path) = short(folder)?;
    UnixStream::connect(path).await
}

/// Whether the other side is this process's own user.
pub(super) fn is_own(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|other| other.uid() == Uid::effective().as_raw())
}
