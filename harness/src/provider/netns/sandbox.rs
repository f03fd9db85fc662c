//! The harness's side of the sandbox: starting it, asking its supervisor, ending it.

use std::{
    io::{self, IoSlice, Read as _},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixStream as StdUnixStream,
        unix::process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair},
    unistd::setsid,
};
use tokio::{net::UnixStream, task::spawn_blocking, time::timeout};

use super::{
    cgroup, enter,
    protocol::{Answer, Ask, NewSpace, SpaceId, receive, send},
    root,
};

/// How long the supervisor may take to make a space.
const SPACE_LIMIT: Duration = Duration::from_secs(30);

/// A running sandbox. Dropping it ends every process, interface, mount and rule of the lab.
#[derive(Debug)]
pub struct Sandbox {
    /// Closed first when the sandbox ends: that is what ends it.
    control: Mutex<Option<OwnedFd>>,
    process: Mutex<Option<Child>>,
    keeps_root: bool,
    /// Collects what the sandbox's processes said on standard error.
    said: Arc<Mutex<String>>,
    reader: Mutex<Option<JoinHandle<()>>>,
}

/// Why the sandbox could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It could not be started.
    #[error("failed to start the sandbox: {0}")]
    NotStarted(#[source] io::Error),
    /// It is gone.
    #[error("the sandbox has ended{}", said(.0))]
    Gone(String),
    /// It refused.
    #[error("{0}")]
    Refused(String),
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl Sandbox {
    /// Starts a sandbox and waits until its supervisor answers. With a folder of programs it keeps root, and has them.
    pub async fn start(programs: Option<PathBuf>) -> Result<Self, SandboxError> {
        let sandbox = spawn_blocking(move || Self::spawn(programs.as_deref()))
            .await
            .map_err(io::Error::other)
            .and_then(|started| started);
        let sandbox = sandbox.map_err(SandboxError::NotStarted)?;
        // The first space shows that the sandbox really came up.
        sandbox.space(NewSpace { name: "lab".to_owned(), hostname: "lab".to_owned() }).await?;
        Ok(sandbox)
    }

    fn spawn(programs: Option<&Path>) -> io::Result<Self> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let mut command = Command::new("/proc/self/exe");
        match programs {
            None => command.arg0("lab").arg(enter::ARGUMENT),
            Some(programs) => command.arg0("lab").arg(root::ARGUMENT).arg(programs),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let control = theirs.as_raw_fd();
        // SAFETY: only system calls between fork and exec.
        unsafe {
            command.pre_exec(move || {
                // Ctrl-C is for the harness, which then takes the lab down in order.
                setsid()?;
                if control == enter::CONTROL_FD {
                    let control = std::os::fd::BorrowedFd::borrow_raw(control);
                    fcntl(control, FcntlArg::F_SETFD(FdFlag::empty()))?;
                } else if libc::dup2(control, enter::CONTROL_FD) < 0 {
                    return Err(io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let mut process = command.spawn()?;
        drop(theirs);
        let said = Arc::new(Mutex::new(String::new()));
        let reader = process.stderr.take().map(|stderr| listen(stderr, Arc::clone(&said)));
        Ok(Self {
            control: Mutex::new(Some(ours)),
            process: Mutex::new(Some(process)),
            keeps_root: programs.is_some(),
            said,
            reader: Mutex::new(reader),
        })
    }

    /// Makes a space: its id, and the path of its network namespace inside of the sandbox.
    pub async fn space(&self, new: NewSpace) -> Result<(SpaceId, String), SandboxError> {
        let mut stream = self.ask(&Ask::Space(new)).await?;
        let answer = timeout(SPACE_LIMIT, receive(&mut stream)).await;
        match answer.map_err(|_| SandboxError::Refused(format!("no answer within {SPACE_LIMIT:?}")))? {
            Ok(Answer::Space { id, netns }) => Ok((id, netns.into_string())),
            Ok(Answer::Failed { reason }) => {
                Err(SandboxError::Refused(format!("failed to create a network namespace: {reason}")))
            }
            Ok(other) => Err(SandboxError::Refused(format!("unexpected answer {other:?}"))),
            Err(_) => Err(self.gone()),
        }
    }

    /// Ends the spaces whose names start with `prefix`, and every process in them.
    pub async fn remove(&self, prefix: &str) -> Result<(), SandboxError> {
        let mut stream = self.ask(&Ask::Remove { prefix: prefix.to_owned() }).await?;
        match receive(&mut stream).await {
            Ok(Answer::Done) => Ok(()),
            Ok(other) => Err(SandboxError::Refused(format!("failed to remove {prefix}: {other:?}"))),
            Err(_) => Err(self.gone()),
        }
    }

    /// Opens a stream to the supervisor and sends a request on it.
    pub async fn ask(&self, ask: &Ask) -> Result<UnixStream, SandboxError> {
        let mut stream = self.pass_stream().map_err(|_| self.gone())?;
        send(&mut stream, ask).await.map_err(|_| self.gone())?;
        Ok(stream)
    }

    fn pass_stream(&self) -> io::Result<UnixStream> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let control = control.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        let descriptors = [theirs.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&descriptors)];
        sendmsg::<()>(control.as_raw_fd(), &[IoSlice::new(b"+")], &rights, MsgFlags::MSG_NOSIGNAL, None)?;
        UnixStream::from_std(ours)
    }

    /// The error for a sandbox that does not answer any more, with what it said at its end.
    pub fn gone(&self) -> SandboxError {
        // Its last words may still be on the way.
        thread::sleep(Duration::from_millis(50));
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        SandboxError::Gone(said.trim().trim_start_matches("sandbox: ").to_owned())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let empty = PoisonError::into_inner;
        drop(self.control.lock().unwrap_or_else(empty).take());
        if let Some(mut process) = self.process.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Ends at once: the supervisor saw the control socket close, and the kernel ends the rest.
            drop(process.wait());
        }
        if self.keeps_root
            && let Err(error) = cgroup::remove_stale()
        {
            // Its outer process removes them, unless it was killed; then this does.
            tracing::warn!("control groups of the lab are left: {error}");
        }
        if let Some(reader) = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(reader.join());
        }
    }
}

fn listen(mut stderr: ChildStderr, said: Arc<Mutex<String>>) -> JoinHandle<()> {
    const KEPT: usize = 4096;
    thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = stderr.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            tracing::debug!(target: "sandbox", "{}", text.trim_end());
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() < KEPT {
                said.push_str(&text);
            }
        }
    })
}
