//! The supervisor: the process inside of the sandbox that does what the harness asks.

use std::{
    collections::HashMap,
    convert::Infallible,
    fs,
    io::{self, IoSliceMut},
    net::SocketAddr,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::fs::PermissionsExt as _,
        unix::net::UnixStream as StdUnixStream,
    },
    path::Path,
    process::exit,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
        socket::{ControlMessageOwned, MsgFlags, recvmsg},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional, unix::AsyncFd},
    net::{TcpListener, TcpStream, UnixStream},
    runtime,
    task::{AbortHandle, LocalSet, spawn_blocking, spawn_local},
};

use super::{
    enter::{EnterError, step},
    exec,
    protocol::{Answer, Ask, SpaceId, receive, receive_bytes, send},
    space::Space,
};

/// How long connecting to an address in a space may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The spaces of this sandbox.
#[derive(Default)]
pub(super) struct Spaces {
    made: Mutex<HashMap<SpaceId, Arc<Space>>>,
    next: AtomicU32,
    /// Ways between spaces, by the space that they start in.
    forwards: Mutex<Vec<(SpaceId, AbortHandle)>>,
    keeps_root: bool,
    /// How many files a program may have open, soft and hard.
    pub open_files: (u64, u64),
}

impl Spaces {
    fn add(&self, space: Space) -> SpaceId {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        made.insert(id, Arc::new(space));
        id
    }

    /// Forgets the spaces whose names start with `prefix` and returns them.
    fn take(&self, prefix: &str) -> Vec<Arc<Space>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let taken: HashMap<SpaceId, Arc<Space>> = made.extract_if(|_, space| space.name.starts_with(prefix)).collect();
        let mut forwards = self.forwards.lock().unwrap_or_else(PoisonError::into_inner);
        forwards.retain(|(id, forward)| {
            let stays = !taken.contains_key(id);
            if !stays {
                forward.abort();
            }
            stays
        });
        taken.into_values().collect()
    }

    /// Notes a way that ends with its space.
    fn remember_forward(&self, space: SpaceId, forward: AbortHandle) {
        self.forwards.lock().unwrap_or_else(PoisonError::into_inner).push((space, forward));
    }

    pub(super) fn get(&self, id: SpaceId) -> io::Result<Arc<Space>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.get(&id).cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no space {id}")))
    }
}

/// Serves requests until the control socket closes, then ends the process, and the lab with it.
pub(super) fn serve(control: OwnedFd, keeps_root: bool) -> Result<Infallible, EnterError> {
    step("tie the supervisor to PID 1", prctl::set_pdeathsig(Signal::SIGKILL))?;
    let open_files = step("raise the limit of open files", raise_open_files_limit())?;
    let runtime = step("start the runtime", runtime::Builder::new_current_thread().enable_all().build())?;
    let spaces = Spaces { keeps_root, open_files, ..Spaces::default() };
    let served = LocalSet::new().block_on(&runtime, accept(control, spaces));
    exit(i32::from(served.is_err()))
}

/// Spaces and programs hold a few descriptors each, and the usual soft limit is 1024. Returns the limit as it was, which is
/// the programs'.
fn raise_open_files_limit() -> nix::Result<(u64, u64)> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok((soft, hard))
}

async fn accept(control: OwnedFd, spaces: Spaces) -> io::Result<()> {
    // SAFETY: the descriptor is owned, and so open until `control` is dropped.
    let control = unsafe { AsyncFd::register(control) }?;
    let spaces = Rc::new(spaces);
    loop {
        let mut ready = control.readable().await?;
        match ready.try_io(|control| receive_stream(control.as_raw_fd())) {
            Ok(Ok(Some(stream))) => {
                let spaces = Rc::clone(&spaces);
                spawn_local(async move { answer(stream, &spaces).await });
            }
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_would_block) => {}
        }
    }
}

/// One stream that the harness passed; none when the harness is gone.
fn receive_stream(control: i32) -> io::Result<Option<StdUnixStream>> {
    let mut byte = [0; 1];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let mut space = cmsg_space!([i32; 1]);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = match recvmsg::<()>(control, &mut parts, Some(&mut space), flags) {
        Err(Errno::ECONNRESET) => return Ok(None),
        other => other?,
    };
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = part
            && let Some(descriptor) = descriptors.first()
        {
            // SAFETY: the kernel has just made this descriptor for us.
            return Ok(Some(unsafe { StdUnixStream::from_raw_fd(*descriptor) }));
        }
    }
    Ok(None)
}

async fn answer(stream: StdUnixStream, spaces: &Rc<Spaces>) {
    let opened = stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream));
    let Ok(mut stream) = opened else { return };
    let answered = match receive(&mut stream).await {
        Ok(ask) => carry_out(ask, &mut stream, spaces).await,
        Err(error) => Err(error),
    };
    if let Err(error) = answered {
        // A harness that has gone in the middle of a request wants no answer.
        drop(send(&mut stream, &Answer::Failed { reason: error.to_string() }).await);
    }
}

async fn carry_out(ask: Ask, stream: &mut UnixStream, spaces: &Rc<Spaces>) -> io::Result<()> {
    match ask {
        Ask::Space(new) => {
            let keeps_root = spaces.keeps_root;
            let space = spawn_blocking(move || Space::create(&new, keeps_root)).await??;
            let netns = space.netns.to_string_lossy().into_owned().into();
            let id = spaces.add(space);
            send(stream, &Answer::Space { id, netns }).await
        }
        Ask::Remove { prefix } => {
            let spaces = spaces.take(&prefix);
            spawn_blocking(move || spaces.iter().try_for_each(|space| space.end_processes())).await??;
            send(stream, &Answer::Done).await
        }
        Ask::Run(launch) => exec::run(launch, stream, spaces).await,
        Ask::Session { space, session } => exec::session(space, &session, stream, spaces).await,
        Ask::Daemon { launch, log } => {
            exec::daemon(&launch, log.as_std_path(), spaces)?;
            send(stream, &Answer::Done).await
        }
        Ask::Write { space, path, mode } => {
            let content = receive_bytes(stream).await?;
            let space = spaces.get(space)?;
            spawn_blocking(move || space.within(|| write_file(path.as_std_path(), &content, mode))).await??;
            send(stream, &Answer::Done).await
        }
        Ask::Connect { space, socket } => {
            let space = spaces.get(space)?;
            let inner = spawn_blocking(move || space.within(|| StdUnixStream::connect(&socket))).await??;
            inner.set_nonblocking(true)?;
            let mut inner = UnixStream::from_std(inner)?;
            send(stream, &Answer::Done).await?;
            carry(stream, &mut inner).await;
            Ok(())
        }
        Ask::ConnectTcp { space, to } => {
            let mut inner = connect_tcp(spaces.get(space)?, to).await?;
            send(stream, &Answer::Done).await?;
            carry(stream, &mut inner).await;
            Ok(())
        }
        Ask::Forward { space, listen, to_space, to } => {
            let (from, target) = (spaces.get(space)?, spaces.get(to_space)?);
            let listener = spawn_blocking(move || from.within(|| std::net::TcpListener::bind(listen))).await??;
            listener.set_nonblocking(true)?;
            let forward = spawn_local(forward(TcpListener::from_std(listener)?, Arc::downgrade(&target), to));
            spaces.remember_forward(space, forward.abort_handle());
            send(stream, &Answer::Done).await
        }
    }
}

/// Carries what comes from either side to the other. Either may end it at any time: that is nobody's error, and what is
/// carried has no room for one.
async fn carry(one: &mut UnixStream, other: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    drop(copy_bidirectional(one, other).await);
}

async fn connect_tcp(space: Arc<Space>, to: SocketAddr) -> io::Result<TcpStream> {
    let inner =
        spawn_blocking(move || space.within(|| std::net::TcpStream::connect_timeout(&to, CONNECT_LIMIT))).await??;
    inner.set_nonblocking(true)?;
    TcpStream::from_std(inner)
}

/// Carries what comes to a listener to an address in another space, as long as that is there.
async fn forward(listener: TcpListener, to_space: Weak<Space>, to: SocketAddr) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let Some(space) = to_space.upgrade() else { return };
        spawn_local(async move {
            let mut inner = connect_tcp(space, to).await?;
            copy_bidirectional(&mut stream, &mut inner).await
        });
    }
}

fn write_file(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Beside it first: what is there may be a link to a place that does not exist here.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, content)?;
    fs::set_permissions(&beside, fs::Permissions::from_mode(mode))?;
    fs::rename(&beside, path)
}
