//! A pipe: standard input and output lead to a unix socket of this machine.
//!
//! For machines whose only way in is a program with its streams, such as `multipass exec`.

use std::{
    fs::File,
    io::{self, copy},
    net::Shutdown,
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    thread,
};

/// Passes everything on in both directions, until the socket's other side has ended.
pub fn run(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    let mut sending = stream.try_clone()?;
    // Files, because standard streams keep what is not a whole line.
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    // Ends with the process: nobody needs to hear that the other side took no more.
    thread::spawn(move || {
        drop(copy(&mut input, &mut sending));
        drop(sending.shutdown(Shutdown::Write));
    });
    copy(&mut stream, &mut output).map(drop)
}
