//! Starting a lab that stays up: its ledger first, then its keeper.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
        unix::{net::UnixStream as StdUnixStream, process::CommandExt as _},
    },
    process::{Child, Command, Stdio},
};

use camino::{Utf8Path, Utf8PathBuf};
use miette::Diagnostic;
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    unistd::setsid,
};
use tokio::{io::AsyncWriteExt as _, net::UnixStream, task::spawn_blocking};

use super::{
    claim::claim,
    keeper::{ARGUMENT, CLIENT_FD, LOCK_FD},
    protocol::{News, Stay},
    reaper::OwnReaper,
};
use crate::{
    ledger::{About, LabName, Ledger, LedgerError, Remains},
    provider::wire::{receive, send},
    run::{Trouble, interrupt, progress::Phase},
};

/// Name of the keeper's log in the lab's folder.
pub(super) const LOG: &str = "keeper.log";

/// Why a lab could not be started.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum StartError {
    /// The ledger: the name is taken, for instance.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// The keeper could not be started.
    #[error("failed to start the lab's keeper: {0}")]
    Keeper(#[from] io::Error),
    /// The lab could not be made.
    #[error("the lab could not be made: {0}")]
    #[diagnostic(forward(0))]
    Failed(Trouble),
    /// The keeper has ended without a word.
    #[error("the lab could not be made: its keeper has ended: {0}")]
    Silent(String),
    /// Not all of it could be removed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Remains(#[from] Remains),
    /// Somebody wanted an end; nothing is left.
    #[error("interrupted")]
    Interrupted,
}

/// What is told while a lab is made.
#[derive(Clone, Debug)]
pub enum Starting {
    /// Something that somebody should know who waits for the lab.
    Notice(String),
    /// The cluster of this index has entered a phase.
    Phase(usize, Phase),
    /// The cluster of this index is up, after so many seconds.
    Made(usize, f64),
}

/// Starts a lab and returns when it is up, or when nothing of it is left.
pub async fn start(
    ledger: &Ledger,
    name: &LabName,
    about: About,
    mut tell: impl FnMut(Starting),
) -> Result<(), StartError> {
    let interrupted = interrupt();
    let entry = ledger.create(name, about)?;
    let folder = entry.folder().to_owned();
    let (ours, theirs) = StdUnixStream::pair()?;
    let theirs = OwnedFd::from(theirs);
    let spawned = entry.lock().map_err(StartError::from).and_then(|lock| Ok(spawn(&folder, &lock, &theirs)?));
    // Kept open here, it would hide the keeper's end.
    drop(theirs);
    let keeper = match spawned {
        Ok(keeper) => keeper,
        Err(error) => {
            entry.take_down(&OwnReaper).await?;
            return Err(error);
        }
    };
    // From here on the lab is the keeper's, which holds its lock.
    drop(entry);
    ours.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(ours)?;
    let heard = tokio::select! {
        heard = hear(&mut stream, &mut tell) => heard,
        () = interrupted => {
            // The keeper takes down what it has made as soon as it sees that.
            drop(stream.shutdown().await);
            Err(StartError::Interrupted)
        }
    };
    match heard {
        Ok(()) => Ok(()),
        Err(error) => {
            ended(keeper).await;
            // A keeper that was killed leaves its ledger behind.
            let last_words = last_line(&folder.join(LOG));
            if let Some(entry) = claim(ledger, name).await? {
                entry.take_down(&OwnReaper).await?;
            }
            Err(match error {
                StartError::Silent(_) => StartError::Silent(last_words),
                other => other,
            })
        }
    }
}

async fn hear(stream: &mut UnixStream, tell: &mut impl FnMut(Starting)) -> Result<(), StartError> {
    loop {
        match receive(stream).await {
            Ok(News::Notice(notice)) => tell(Starting::Notice(notice)),
            Ok(News::Phase { cluster, phase }) => tell(Starting::Phase(cluster, phase)),
            Ok(News::Made { cluster, seconds }) => tell(Starting::Made(cluster, seconds)),
            Ok(News::Up) => return send(stream, &Stay).await.map_err(|_| StartError::Silent(String::new())),
            Ok(News::Failed(trouble)) => return Err(StartError::Failed(trouble)),
            Err(_) => return Err(StartError::Silent(String::new())),
        }
    }
}

fn spawn(folder: &Utf8Path, lock: &OwnedFd, client: &OwnedFd) -> io::Result<Child> {
    let log = File::create(folder.join(LOG))?;
    // Out of the way of the numbers that they get.
    let (lock, client) = (high(lock)?, high(client)?);
    let mut command = Command::new("/proc/self/exe");
    command.arg0("lab").arg(ARGUMENT).arg(folder).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let descriptors = [(lock.as_raw_fd(), LOCK_FD), (client.as_raw_fd(), CLIENT_FD)];
    // SAFETY: only system calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            setsid()?;
            for (from, to) in descriptors {
                Errno::result(libc::dup2(from, to))?;
            }
            Ok(())
        });
    }
    command.spawn()
}

fn high(descriptor: &OwnedFd) -> io::Result<OwnedFd> {
    const ABOVE: RawFd = 10;
    let copy = fcntl(descriptor, FcntlArg::F_DUPFD_CLOEXEC(ABOVE))?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

async fn ended(mut keeper: Child) {
    // It ends by itself: its connection to this process has closed.
    drop(spawn_blocking(move || keeper.wait()).await);
}

fn last_line(log: &Utf8PathBuf) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().next_back().unwrap_or("it left no word").to_owned()
}
