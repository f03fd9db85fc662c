//! This program's side of a session: its standard streams, its terminal, its signals.

use std::{
    future::pending,
    io::{self, Read as _},
    os::fd::AsFd as _,
    thread,
};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use tokio::{
    io::{AsyncRead, split},
    select,
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, mpsc},
    task::spawn_blocking,
};

use crate::provider::{
    Stream,
    session::{Event, Input, Size, WINDOW},
    wire::{receive, receive_bytes, send, send_bytes},
};

/// Bytes of input that are sent at once.
const CHUNK: usize = 1 << 15;

/// Exit status for a program that there is not, as shells have it.
const UNKNOWN: u8 = 127;

/// Exit status for a program that cannot be started.
const NOT_STARTED: u8 = 126;

/// Exit status of what writes into a closed pipe: 128 + SIGPIPE.
const CLOSED_PIPE: u8 = 141;

/// This program's terminal while it passes every key on. Dropping it restores the terminal.
pub(super) struct RawTerminal(Termios);

impl RawTerminal {
    /// Passes every key on.
    pub(super) fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin().as_fd())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(io::stdin().as_fd(), SetArg::TCSADRAIN, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // A terminal that is gone needs no order.
        let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSADRAIN, &self.0);
    }
}

/// The size of this program's terminal; the usual one where it does not say.
pub(super) fn terminal_size() -> Size {
    let size = terminal_size::terminal_size_of(io::stdin());
    size.map_or(Size { rows: 24, columns: 80 }, |(width, height)| Size { rows: height.0, columns: width.0 })
}

type Said = (Input, Vec<u8>);

/// Carries standard streams and signals to and from a program until it ends, and returns its exit status.
pub(super) async fn talk(stream: Box<dyn Stream>, on_terminal: bool, machine: &str, program: &str) -> io::Result<u8> {
    let (mut reading, mut writing) = split(stream);
    let (say, mut said) = mpsc::channel::<Said>(4);
    let room = Semaphore::new(WINDOW);
    let writer = async {
        while let Some((input, bytes)) = said.recv().await {
            send(&mut writing, &input).await?;
            if input == Input::Bytes {
                send_bytes(&mut writing, &bytes).await?;
            }
        }
        Ok::<_, io::Error>(())
    };
    let talking = async {
        // What cannot be said any more is no error: the program may have ended, and that is still to be heard.
        let _ = tokio::join!(feed(say.clone(), &room), writer);
        pending().await
    };
    select! {
        ended = hear(&mut reading, &room, machine, program) => ended,
        Err(error) = watch(say.clone(), on_terminal) => Err(error),
        ended = talking => ended,
    }
}

/// Standard input, in pieces for which there is room.
async fn feed(say: mpsc::Sender<Said>, room: &Semaphore) {
    let (read, mut pieces) = mpsc::channel::<Vec<u8>>(1);
    // Reading blocks, for ever perhaps: this thread ends with the program.
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        let mut stdin = io::stdin().lock();
        while let Ok(length @ 1..) = stdin.read(&mut buffer) {
            if read.blocking_send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    while let Some(piece) = pieces.recv().await {
        let Ok(permits) = room.acquire_many(u32::try_from(piece.len()).unwrap_or(u32::MAX)).await else { return };
        permits.forget();
        if say.send((Input::Bytes, piece)).await.is_err() {
            return;
        }
    }
    let _ = say.send((Input::End, Vec::new())).await;
}

/// Signals, and changes of the terminal's size.
async fn watch(say: mpsc::Sender<Said>, on_terminal: bool) -> io::Result<()> {
    let mut resized = signal(SignalKind::window_change())?;
    let mut signals = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
        signal(SignalKind::quit())?,
        signal(SignalKind::user_defined1())?,
        signal(SignalKind::user_defined2())?,
    ];
    let numbers = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2];
    loop {
        let [interrupt, terminate, hangup, quit, first, second] = &mut signals;
        let index = select! {
            _ = resized.recv() => {
                if on_terminal {
                    let _ = say.send((Input::Size(terminal_size()), Vec::new())).await;
                }
                continue;
            }
            _ = interrupt.recv() => 0,
            _ = terminate.recv() => 1,
            _ = hangup.recv() => 2,
            _ = quit.recv() => 3,
            _ = first.recv() => 4,
            _ = second.recv() => 5,
        };
        // Shells ignore a request to end; a terminal that closes is what they obey.
        let number = if on_terminal && numbers[index] == libc::SIGTERM { libc::SIGHUP } else { numbers[index] };
        let _ = say.send((Input::Signal(number), Vec::new())).await;
    }
}

/// What the program does, until it ends.
async fn hear<R: AsyncRead + Unpin>(reading: &mut R, room: &Semaphore, machine: &str, program: &str) -> io::Result<u8> {
    loop {
        match receive(reading).await? {
            Event::Taken(bytes) => room.add_permits(bytes),
            Event::Output { stderr: to_stderr } => {
                let bytes = receive_bytes(reading).await?;
                if write(to_stderr, bytes).await.is_err() {
                    return Ok(CLOSED_PIPE);
                }
            }
            Event::Exit { status } => return Ok(u8::try_from(status & 0xff).unwrap_or(u8::MAX)),
            Event::NotStarted { reason, unknown } => {
                eprintln!("error: {machine}: failed to start `{program}`: {reason}");
                return Ok(if unknown { UNKNOWN } else { NOT_STARTED });
            }
        }
    }
}

/// Writing blocks while nobody reads, and signals go on meanwhile.
async fn write(to_stderr: bool, bytes: Vec<u8>) -> io::Result<()> {
    fn all(mut to: impl io::Write, bytes: &[u8]) -> io::Result<()> {
        to.write_all(bytes)?;
        to.flush()
    }
    let written = spawn_blocking(move || if to_stderr { all(io::stderr(), &bytes) } else { all(io::stdout(), &bytes) });
    written.await?
}
