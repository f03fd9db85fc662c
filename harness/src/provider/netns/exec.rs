//! Starting programs in a space, from the supervisor.

use std::{fs::File, io, path::Path, process::Stdio, rc::Rc, time::Duration};

use nix::{
    sys::{
        resource::{Resource, setrlimit},
        signal::{SigSet, SigmaskHow, Signal, sigprocmask},
    },
    unistd::setsid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixStream, unix::ReadHalf},
    process::{Child, Command},
    sync::mpsc,
    task::spawn_local,
    time::timeout,
};

use super::{
    mounts::{BIN, OWN_BIN},
    protocol::{Answer, Launch, SpaceId, receive_bytes, send, send_bytes},
    supervisor::Spaces,
};
use crate::provider::session::{Session, exit_code, kill_group, serve};

/// How long the pipes of a program that has ended may stay silent before they are left: a background
/// grandchild may hold them open for ever.
const LEFTOVERS: Duration = Duration::from_millis(200);

/// Runs a program to its end, streaming what it prints. The harness ends it by closing its sending half.
pub(super) async fn run(launch: Launch, stream: &mut UnixStream, spaces: &Rc<Spaces>) -> io::Result<()> {
    let input = receive_bytes(stream).await?;
    let mut child =
        match command(&launch, spaces)?.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
            Ok(child) => child,
            Err(error) => return send(stream, &Answer::Failed { reason: error.to_string() }).await,
        };
    let (sender, mut printed) = mpsc::channel(16);
    feed(&mut child, input);
    forward(child.stdout.take(), false, sender.clone());
    forward(child.stderr.take(), true, sender);
    let group = child.id();
    let status = {
        let (reading, mut writing) = stream.split();
        let mut harness_gone = Box::pin(wait_for_close(reading));
        let mut killed = false;
        let mut ended = None;
        while ended.is_none() {
            tokio::select! {
                biased;
                Some((stderr, bytes)) = printed.recv() => {
                    send(&mut writing, &Answer::Output { stderr }).await?;
                    send_bytes(&mut writing, &bytes).await?;
                }
                () = &mut harness_gone, if !killed => {
                    killed = true;
                    kill_group(group, Signal::SIGKILL);
                }
                status = child.wait() => ended = Some(status?),
            }
        }
        while let Ok(Some((stderr, bytes))) = timeout(LEFTOVERS, printed.recv()).await {
            send(&mut writing, &Answer::Output { stderr }).await?;
            send_bytes(&mut writing, &bytes).await?;
        }
        ended
    };
    let status = status.map_or(-1, exit_code);
    send(stream, &Answer::Exit { status }).await
}

/// Runs a program that talks with somebody.
pub(super) async fn session(
    space: SpaceId,
    session: &Session,
    stream: &mut UnixStream,
    spaces: &Rc<Spaces>,
) -> io::Result<()> {
    let launch = Launch { space, argv: session.argv.clone(), env: session.env.clone() };
    serve(stream, command(&launch, spaces)?, session.terminal).await
}

/// Starts a program that lives as long as the lab.
pub(super) fn daemon(launch: &Launch, log: &Path, spaces: &Rc<Spaces>) -> io::Result<()> {
    let log = File::options().create(true).append(true).open(log)?;
    let mut child = command(launch, spaces)?.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    spawn_local(async move { child.wait().await });
    Ok(())
}

fn command(launch: &Launch, spaces: &Spaces) -> io::Result<Command> {
    let (space, (soft, hard)) = (spaces.get(launch.space)?, spaces.open_files);
    let (program, arguments) = launch.argv.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", format!("{BIN}:{OWN_BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"))
        .env("HOME", "/run")
        .env("LC_ALL", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/dbus/system_bus_socket")
        .envs(launch.env.iter().map(|(name, value)| (name, value)));
    // SAFETY: the child only makes system calls and allocates nothing that another thread could hold locked:
    // the supervisor's other threads only enter spaces.
    unsafe {
        command.pre_exec(move || {
            setsid()?;
            setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
            space.join_group()?;
            space.enter()
        });
    }
    Ok(command)
}

fn feed(child: &mut Child, input: Vec<u8>) {
    if let Some(mut stdin) = child.stdin.take() {
        // A program need not read all of its input.
        spawn_local(async move { stdin.write_all(&input).await });
    }
}

fn forward<R: AsyncRead + Unpin + 'static>(pipe: Option<R>, stderr: bool, printed: mpsc::Sender<(bool, Vec<u8>)>) {
    let Some(mut pipe) = pipe else { return };
    spawn_local(async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
            if printed.send((stderr, buffer[..length].to_vec())).await.is_err() {
                break;
            }
        }
    });
}

async fn wait_for_close(mut reading: ReadHalf<'_>) {
    let mut nothing = [0; 1];
    while let Ok(1..) = reading.read(&mut nothing).await {}
}
