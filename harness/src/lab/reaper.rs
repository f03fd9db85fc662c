//! Removing what labs hold on this machine by themselves.

use std::time::Duration;

use async_trait::async_trait;
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

use crate::{
    ledger::{ProcessId, ReapError, Reaper, Record, Resource, remove_folder},
    provider::{
        existing,
        libvirt::{Libvirt, LibvirtOptions},
        multipass::{Multipass, MultipassProvider},
    },
};

/// How long a killed process may take to be gone.
const LIMIT: Duration = Duration::from_secs(10);

/// Removes keepers, folders, what libvirt and Multipass hold, and what was added to hosts that exist.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnReaper;

#[async_trait]
impl Reaper for OwnReaper {
    async fn reap(&self, record: &Record, resource: &Resource) -> Result<(), ReapError> {
        match resource {
            Resource::Keeper { process } => end(process).await,
            Resource::Folder { path } => remove_folder(record, path),
            Resource::LibvirtDomain { uri, .. }
            | Resource::LibvirtNetwork { uri, .. }
            | Resource::LibvirtPool { uri, .. } => {
                let options = LibvirtOptions { uri: uri.clone(), ..LibvirtOptions::default() };
                Libvirt::new(options).reap(record, resource).await
            }
            Resource::OnHost { host, removal, .. } => existing::reap(record, host, removal).await,
            Resource::MultipassInstance { .. } => {
                MultipassProvider::new(Multipass::default()).reap(record, resource).await
            }
            Resource::Cgroup { .. } | Resource::LibvirtVolume { .. } => Err(ReapError::Unknown),
        }
    }
}

/// Ends a process, unless its number is another one's by now, and waits until it is gone.
async fn end(process: &ProcessId) -> Result<(), ReapError> {
    let own = ProcessId::own();
    if own.as_ref() == Some(process) {
        return Ok(());
    }
    if process.lives() {
        match kill(Pid::from_raw(process.pid), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => return Err(ReapError::Failed(format!("failed to end it: {error}"))),
        }
    }
    let end = Instant::now() + LIMIT;
    while process.lives() {
        if Instant::now() > end {
            return Err(ReapError::Failed(format!("it has not ended within {LIMIT:?} of being killed")));
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use camino::Utf8PathBuf;

    use super::OwnReaper;
    use crate::ledger::{About, Ledger, ProcessId, Reaper as _, Resource};

    #[tokio::test]
    async fn only_what_is_the_labs_own_is_removed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
        let entry =
            Ledger::at(root.join("labs")).create(&"a".parse().expect("a name"), About::new("netns")).expect("new");
        let record = entry.record();
        let (own, foreign) = (root.join(format!("disks-{}", record.id)), root.join("disks"));
        for path in [&own, &foreign] {
            std::fs::create_dir(path).expect("a folder");
        }
        OwnReaper.reap(&record, &Resource::Folder { path: own.clone() }).await.expect("its own");
        OwnReaper.reap(&record, &Resource::Folder { path: own.clone() }).await.expect("gone already");
        OwnReaper.reap(&record, &Resource::Folder { path: foreign.clone() }).await.expect_err("another's");
        assert!(!own.exists() && foreign.exists());

        let mut child = Command::new("sleep").arg("600").spawn().expect("sleep");
        let process = ProcessId::of(child.id().cast_signed()).expect("lives");
        let later = ProcessId { started: process.started + 1, ..process.clone() };
        OwnReaper.reap(&record, &Resource::Keeper { process: later }).await.expect("gone already");
        assert!(process.lives(), "a process that only got the number was ended");
        OwnReaper.reap(&record, &Resource::Keeper { process: process.clone() }).await.expect("killed");
        assert!(!process.lives());
        child.wait().expect("an end");
    }
}
