//! A pipe: standard input and output lead to a unix socket of this machine.
//!
//! For machines whose only way in is a program with its streams, such as `multipass exec`.

use std::{
    fs::File,
    io::{self, Read, Write},
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
        drop(pass(&mut input, &mut sending));
        drop(sending.shutdown(Shutdown::Write));
    });
    pass(&mut stream, &mut output)
}

/// Not [`io::copy`], which has the kernel move whole pages from pipes to sockets: not every waiter at their other ends is
/// woken for them.
fn pass(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => to.write_all(&buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
