//! The keeper: the process that owns a lab which stays up.
//!
//! `lab __keeper FOLDER` is started with the lab's lock as descriptor 3 and a connection to whoever asked for the lab
//! as descriptor 4. Until that side has heard that the lab is up and said so, its end is the lab's end.

use std::{
    io,
    os::{
        fd::{FromRawFd as _, OwnedFd, RawFd},
        unix::net::UnixStream as StdUnixStream,
    },
    pin::pin,
    process::ExitCode,
    sync::Arc,
};

use camino::Utf8PathBuf;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde_json::Value;
use tokio::{
    net::{UnixListener, UnixStream},
    select,
    sync::mpsc,
    task::JoinSet,
};

use super::{
    answer::answered,
    house::House,
    protocol::{Fault, News, Stay},
    reaper::OwnReaper,
    socket,
};
use crate::{
    ledger::{Entry, ProcessId, Resource, State},
    plan::Plan,
    provider::wire::{receive, send},
    run::{Recipe, Trouble, interrupt},
};

/// First argument of a process that shall become a keeper.
pub(super) const ARGUMENT: &str = "__keeper";

/// Descriptor of the lab's lock in that process.
pub(super) const LOCK_FD: RawFd = 3;

/// Descriptor of the connection to whoever asked for the lab.
pub(super) const CLIENT_FD: RawFd = 4;

/// The folder of the lab that this process was started to keep, if it was.
#[must_use]
pub fn asked() -> Option<Utf8PathBuf> {
    let mut words = std::env::args().skip(1);
    (words.next()? == ARGUMENT).then(|| words.next().map(Utf8PathBuf::from))?
}

/// Keeps a lab until somebody wants it to end. `planned` makes its plan from the details in the ledger.
pub fn keep(folder: &Utf8PathBuf, planned: impl FnOnce(&Value) -> Result<(Plan, Recipe), String>) -> ExitCode {
    match kept(folder, planned) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            tracing::error!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn kept(folder: &Utf8PathBuf, planned: impl FnOnce(&Value) -> Result<(Plan, Recipe), String>) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let [lock, client] = [LOCK_FD, CLIENT_FD].map(inherited);
    let (lock, client) = (lock.map_err(|error| text(&error))?, client.map_err(|error| text(&error))?);
    let entry = Arc::new(Entry::adopt(folder, lock).map_err(|error| text(&error))?);
    let own = ProcessId::own().ok_or("this process has no identity")?;
    entry.created(&Resource::Keeper { process: own.clone() }).map_err(|error| text(&error))?;
    let plan = planned(&entry.record().about.details);
    let runtime = crate::runtime::start().map_err(|error| text(&error))?;
    runtime.block_on(async {
        let client = StdUnixStream::from(client);
        let client = client.set_nonblocking(true).and_then(|()| UnixStream::from_std(client));
        let mut client = client.map_err(|error| text(&error))?;
        let ended = match plan {
            Ok((plan, recipe)) => live(&entry, &plan, &recipe, &mut client).await,
            Err(reason) => Err(reason.into()),
        };
        // All that was made has ended; what only the ledger knows of is removed now.
        let gone = entry.removed(&Resource::Keeper { process: own });
        let removed = match gone {
            Ok(()) => match Arc::into_inner(entry) {
                Some(entry) => entry.take_down(&OwnReaper).await.map_err(|remains| text(&remains)),
                None => Err("something still uses the lab; `lab gc` removes it".to_owned()),
            },
            Err(error) => Err(text(&error)),
        };
        match ended {
            Ok(askers) => {
                for mut asker in askers {
                    let answer = removed.clone().map_err(Fault::Other);
                    // Who asked for the end need not wait for it.
                    drop(send(&mut asker, &answer).await);
                }
                removed
            }
            Err(Trouble { reason, help }) => {
                let reason = [Some(reason), removed.err()].into_iter().flatten().collect::<Vec<_>>().join("\n");
                let trouble = Trouble { reason, help };
                let told = trouble.told();
                drop(send(&mut client, &News::Failed(trouble)).await);
                Err(told)
            }
        }
    })
}

/// A descriptor that this process was started with, and its children are not.
fn inherited(descriptor: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: whoever starts a keeper puts it there, and nothing else in this process owns it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(descriptor)
}

/// Makes the lab and keeps it. Returns who asked for its end, once it has ended.
async fn live(
    entry: &Arc<Entry>,
    plan: &Plan,
    recipe: &Recipe,
    client: &mut UnixStream,
) -> Result<Vec<UnixStream>, Trouble> {
    // One for all its life: a signal between two would be lost.
    let mut interrupted = pin!(interrupt());
    let (house, listener) = select! {
        made = make(entry, plan, recipe, client) => made?,
        () = &mut interrupted => return Err("interrupted".into()),
    };
    entry.reached(State::Up).map_err(|error| error.to_string())?;
    let house = Arc::new(house);
    let mut connections = JoinSet::new();
    let syncing = Arc::clone(&house);
    connections.spawn(async move { syncing.keep_in_sync().await });
    let mut askers = Vec::new();
    loop {
        select! {
            () = &mut interrupted => break,
            accepted = listener.accept() => if let Ok((stream, _)) = accepted && socket::is_own(&stream) {
                connections.spawn(answered(stream, Arc::clone(&house)));
            },
            Some(ended) = connections.join_next() => if let Ok(Some(asker)) = ended {
                askers.push(asker);
                break;
            },
        }
    }
    drop(listener);
    drop(entry.reached(State::Down));
    // What is under way holds the house; the sandbox ends with the last of them.
    connections.shutdown().await;
    drop(house);
    Ok(askers)
}

/// Makes the lab, and returns once whoever asked for it knows that it is up.
async fn make(
    entry: &Arc<Entry>,
    plan: &Plan,
    recipe: &Recipe,
    client: &mut UnixStream,
) -> Result<(House, UnixListener), Trouble> {
    let (news, mut heard) = mpsc::unbounded_channel();
    let gone = "whoever asked for the lab has gone";
    let (mut reading, mut writing) = client.split();
    let mut making = Box::pin(async {
        let house = House::make(entry, plan, recipe, &news).await?;
        let listener = socket::listen(entry.folder()).map_err(|error| format!("failed to listen: {error}"))?;
        Ok::<_, Trouble>((house, listener))
    });
    let mut stay = Box::pin(receive::<_, Stay>(&mut reading));
    let made = loop {
        select! {
            biased;
            Some(news) = heard.recv() => send(&mut writing, &news).await.map_err(|_| gone)?,
            _ = &mut stay => return Err(gone.into()),
            made = &mut making => break made?,
        }
    };
    while let Ok(news) = heard.try_recv() {
        send(&mut writing, &news).await.map_err(|_| gone)?;
    }
    send(&mut writing, &News::Up).await.map_err(|_| gone)?;
    stay.await.map_err(|_| gone)?;
    Ok(made)
}
