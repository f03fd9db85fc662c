//! The machine's side of a session: starts the program and carries what goes in and out.

use std::{
    io::{self, ErrorKind},
    os::fd::OwnedFd,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::{Pid, setsid},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    process::{Child, Command},
    select,
    sync::{mpsc, watch},
    time::sleep,
};

use super::{Event, Input, Size, terminal::Terminal};
use crate::provider::wire::{receive, receive_bytes, send, send_bytes};

/// How long more of what a program printed may be awaited after its end: a background process may hold its output open
/// for ever.
const LEFTOVERS: Duration = Duration::from_millis(200);

/// How long a program may take to end by itself after whoever talked with it has gone.
const PARTING: Duration = Duration::from_secs(2);

/// Where a program's input and output come from and go to.
struct Ends {
    input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    output: Box<dyn AsyncRead + Send + Unpin>,
    error: Box<dyn AsyncRead + Send + Unpin>,
    terminal: Option<Terminal>,
}

type Message = (Event, Vec<u8>);

/// Runs a program until it ends or the stream closes. It becomes the leader of a session of its own, on a terminal
/// of this size where one is asked for.
pub async fn serve<S>(stream: &mut S, mut command: Command, terminal: Option<Size>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match start(&mut command, terminal) {
        Ok((child, ends)) => {
            // Its copies of the program's end of the terminal go with it.
            drop(command);
            if !talk(stream, child, ends).await? {
                return Ok(());
            }
        }
        Err(error) => {
            let unknown = error.kind() == ErrorKind::NotFound;
            send(stream, &Event::NotStarted { reason: error.to_string(), unknown }).await?;
        }
    }
    // Input that nobody wants is on the way still: closing in its face would cut off what was just told.
    let mut unwanted = [0; 4096];
    while let Ok(1..) = stream.read(&mut unwanted).await {}
    Ok(())
}

/// Carries what goes in and out of a program, until it has ended or whoever talks with it has gone. Returns whether its
/// end was told.
async fn talk<S>(stream: &mut S, mut child: Child, ends: Ends) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let group = child.id();
    let Ends { input, output, error, terminal } = ends;
    let (mut reading, mut writing) = split(stream);
    let (sender, mut messages) = mpsc::channel::<Message>(16);
    let (feeding, fed) = mpsc::unbounded_channel();
    let talk = async {
        let (ended, end) = watch::channel(false);
        let mut said = Box::pin(async {
            tokio::join!(forward(output, false, &sender, end.clone()), forward(error, true, &sender, end.clone()))
        });
        let mut fed = Box::pin(feed(input, fed, &sender));
        let mut heard = Box::pin(hear(&mut reading, &feeding, terminal.as_ref(), group));
        let (mut silent, mut full) = (false, false);
        let status = loop {
            select! {
                status = child.wait() => break status.ok()?,
                () = &mut heard => return None,
                _ = &mut said, if !silent => silent = true,
                () = &mut fed, if !full => full = true,
            }
        };
        ended.send_replace(true);
        if !silent {
            said.await;
        }
        sender.send((Event::Exit { status: exit_code(status) }, Vec::new())).await.ok()
    };
    let told = async {
        while let Some((event, bytes)) = messages.recv().await {
            write(&mut writing, &event, &bytes).await?;
        }
        Ok::<_, io::Error>(())
    };
    let mut told = Box::pin(told);
    let ended = select! {
        ended = talk => ended,
        // Whoever was talked with has gone.
        _ = &mut told => None,
    };
    drop(sender);
    if ended.is_none() {
        part(child, group, terminal).await;
        return Ok(false);
    }
    told.await.map(|()| true)
}

async fn write<W: AsyncWrite + Unpin>(writing: &mut W, event: &Event, bytes: &[u8]) -> io::Result<()> {
    send(writing, event).await?;
    if matches!(event, Event::Output { .. }) { send_bytes(writing, bytes).await } else { Ok(()) }
}

fn start(command: &mut Command, size: Option<Size>) -> io::Result<(Child, Ends)> {
    let terminal = size.map(Terminal::open).transpose()?;
    let on_terminal = terminal.is_some();
    // SAFETY: only system calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            // It may be the leader of a session already.
            let _ = setsid();
            if on_terminal {
                Errno::result(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
            }
            Ok(())
        });
    }
    let Some((terminal, other)) = terminal else {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        return piped(child?);
    };
    let copy = |end: &OwnedFd| end.try_clone().map(Stdio::from);
    let child = command.stdin(copy(&other)?).stdout(copy(&other)?).stderr(Stdio::from(other)).spawn()?;
    let input: Box<dyn AsyncWrite + Send + Unpin> = Box::new(terminal.again()?);
    let output = Box::new(terminal.again()?);
    Ok((child, Ends { input: Some(input), output, error: Box::new(tokio::io::empty()), terminal: Some(terminal) }))
}

fn piped(mut child: Child) -> io::Result<(Child, Ends)> {
    let missing = || io::Error::other("a pipe is missing");
    let input = child.stdin.take().map(|pipe| Box::new(pipe) as Box<dyn AsyncWrite + Send + Unpin>);
    let output = Box::new(child.stdout.take().ok_or_else(missing)?);
    let error = Box::new(child.stderr.take().ok_or_else(missing)?);
    Ok((child, Ends { input, output, error, terminal: None }))
}

async fn forward(
    mut from: Box<dyn AsyncRead + Send + Unpin>,
    stderr: bool,
    to: &mpsc::Sender<Message>,
    mut ended: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = select! {
            biased;
            read = from.read(&mut buffer) => read,
            () = silence(&mut ended) => return,
        };
        let Ok(length @ 1..) = read else { return };
        // However long whoever listens takes for it.
        if to.send((Event::Output { stderr }, buffer[..length].to_vec())).await.is_err() {
            return;
        }
    }
}

/// Ends when nothing has come for a while after the program's end.
async fn silence(ended: &mut watch::Receiver<bool>) {
    drop(ended.wait_for(|ended| *ended).await);
    sleep(LEFTOVERS).await;
}

/// Gives the program its input. What it does not want is taken all the same.
async fn feed(
    mut input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    mut fed: mpsc::UnboundedReceiver<Option<Vec<u8>>>,
    to: &mpsc::Sender<Message>,
) {
    while let Some(bytes) = fed.recv().await {
        let Some(bytes) = bytes else {
            input = None;
            continue;
        };
        if let Some(open) = &mut input
            && open.write_all(&bytes).await.is_err()
        {
            input = None;
        }
        if to.send((Event::Taken(bytes.len()), Vec::new())).await.is_err() {
            return;
        }
    }
}

/// Hears what is said to the program, until nobody says anything any more.
async fn hear<R: AsyncRead + Unpin>(
    reading: &mut R,
    feeding: &mpsc::UnboundedSender<Option<Vec<u8>>>,
    terminal: Option<&Terminal>,
    group: Option<u32>,
) {
    while let Ok(input) = receive(reading).await {
        match input {
            Input::Bytes => {
                let Ok(bytes) = receive_bytes(reading).await else { return };
                let _ = feeding.send(Some(bytes));
            }
            Input::End => {
                let _ = feeding.send(None);
            }
            Input::Size(size) => {
                if let Some(terminal) = terminal {
                    // A size that the kernel refuses changes nothing.
                    drop(terminal.resize(size));
                }
            }
            Input::Signal(number) => {
                if let Ok(signal) = Signal::try_from(number) {
                    kill_group(group, signal);
                }
            }
        }
    }
}

/// Ends a program that nobody talks with any more, as a terminal that closes does.
async fn part(mut child: Child, group: Option<u32>, terminal: Option<Terminal>) {
    drop(terminal);
    kill_group(group, Signal::SIGHUP);
    select! {
        _ = child.wait() => {}
        () = sleep(PARTING) => {}
    }
    kill_group(group, Signal::SIGKILL);
    let _ = child.wait().await;
}

/// Sends a signal to a process group; it may just have ended by itself.
pub fn kill_group(group: Option<u32>, signal: Signal) {
    if let Some(group) = group.and_then(|group| i32::try_from(group).ok()) {
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

/// The status of a program that ended; 128 + the signal's number when a signal ended it.
#[must_use]
pub fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{io::duplex, process::Command, time::sleep};

    use super::{Event, Input, LEFTOVERS, receive, receive_bytes, send, serve};

    /// All lines are pieces of their own: more than are held for who listens, and less than the program waits with.
    #[tokio::test]
    async fn who_listens_slowly_gets_all() {
        let (mut ours, mut theirs) = duplex(64);
        let mut program = Command::new("sh");
        program.args(["-c", "for line in $(seq 60); do echo $line; sleep 0.005; done"]);
        let served = async { serve(&mut theirs, program, None).await.expect("served") };
        let heard = async {
            sleep(Duration::from_secs(1) + 2 * LEFTOVERS).await;
            let mut all = Vec::new();
            loop {
                match receive(&mut ours).await.expect("an event") {
                    Event::Output { .. } => all.extend(receive_bytes(&mut ours).await.expect("bytes")),
                    Event::Exit { status } => break (status, all),
                    other => panic!("{other:?}"),
                }
            }
        };
        let (status, all) = tokio::select! {
            heard = heard => heard,
            () = served => panic!("it ended before all was heard"),
        };
        let lines: Vec<String> = (1..=60).map(|line| line.to_string()).collect();
        let heard: Vec<&str> = str::from_utf8(&all).expect("UTF-8").lines().collect();
        assert_eq!((status, heard), (0, lines.iter().map(String::as_str).collect()));
    }

    /// Input is on the way that nobody has read: closing now would end whatever carries both directions.
    #[tokio::test]
    async fn who_talks_to_no_program_hears_of_it() {
        let (mut ours, mut theirs) = duplex(64);
        let served = tokio::spawn(async move { serve(&mut theirs, Command::new("/etc"), None).await });
        let told = receive(&mut ours).await.expect("an event");
        assert!(matches!(told, Event::NotStarted { unknown: false, .. }), "{told:?}");
        for _ in 0..10 {
            sleep(Duration::from_millis(10)).await;
            send(&mut ours, &Input::End).await.expect("somebody reads");
        }
        drop(ours);
        served.await.expect("no panic").expect("served");
    }
}
