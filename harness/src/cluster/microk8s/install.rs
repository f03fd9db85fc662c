//! The MicroK8s snap on a machine.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    added::{Added, MICROK8S},
    additions::Additions,
    error::MicroK8sError,
    launch_config::{self, LaunchConfig},
    node::{Node, said},
    snap_changes,
    snap_files::{SnapFile, SnapFiles},
    snap_list::{self, InstalledSnap},
    source::Source,
};
use crate::provider::{Command, MachineError, Output, send_file};

/// Status with which `snap` says that it may be tried again: snapd seeds, or another change is in progress.
const TRY_AGAIN: i32 = 10;

/// Parts of messages that are no last word: snapd restarts itself when its own snap arrives, and networks fail.
const PASSING: [&str; 5] = [
    "too early for operation",
    "change in progress",
    "cannot communicate with server",
    "unable to contact snap store",
    "snapd is about to reboot the system",
];

/// Folder on the machine for snaps that are installed from files.
const FILES: &str = "/var/tmp/pathlab-snaps";

/// Installs MicroK8s unless it is there; `config` counts at its first start only. Returns what is there: the revision that the source led to.
///
/// An installation that a lost connection left under way is waited for. Another MicroK8s than the source's is an error:
/// it is somebody's.
pub async fn install(
    node: Node<'_>,
    source: &Source,
    config: &LaunchConfig,
    added: &mut dyn Additions,
) -> Result<InstalledSnap, MicroK8sError> {
    let before = installed(node).await?;
    if let Some(present) = microk8s(&before) {
        if source.is(present) {
            return Ok(present.clone());
        }
        let found = match &present.tracking {
            Some(channel) => format!("{} (revision {}, {channel})", present.version, present.revision),
            None => format!("{} (revision {})", present.version, present.revision),
        };
        let machine = node.name().to_owned();
        return Err(MicroK8sError::AnotherOne { machine, wanted: source.to_string(), found });
    }
    if *source != Source::Present {
        launch_config::write(node, config, added).await?;
    }
    if *source != Source::Present {
        added.add(Added::Snap(MICROK8S.to_owned()))?;
    }
    let done = match source {
        Source::Store { channel, revision } => from_store(node, channel, *revision).await,
        Source::Files(files) => from_files(node, files).await,
        Source::Present => Err(MicroK8sError::NotInstalled { machine: node.name().to_owned() }),
    };
    let after = installed(node).await?;
    let is_new = |snap: &&InstalledSnap| before.iter().all(|known| known.name != snap.name);
    let mut new: Vec<&str> = after.iter().filter(is_new).map(|snap| snap.name.as_str()).collect();
    // Removed in the other order: MicroK8s, then its base, then snapd itself.
    new.sort_by_key(|name| if *name == "snapd" { 0 } else { 1 + u8::from(*name == "microk8s") });
    for name in new {
        added.add(Added::Snap(name.to_owned()))?;
    }
    done?;
    let missing = || node.not_understood(&["snap", "list"], "MicroK8s is not in it after its installation".to_owned());
    microk8s(&after).cloned().ok_or_else(missing)
}

/// All snaps of the machine.
async fn installed(node: Node<'_>) -> Result<Vec<InstalledSnap>, MicroK8sError> {
    // Without any snap the table is replaced by a sentence on standard error.
    node.ask(&["snap", "list"], snap_list::parse).await
}

fn microk8s(snaps: &[InstalledSnap]) -> Option<&InstalledSnap> {
    snaps.iter().find(|snap| snap.name == MICROK8S)
}

async fn from_store(node: Node<'_>, channel: &str, revision: Option<u32>) -> Result<(), MicroK8sError> {
    let channel = format!("--channel={channel}");
    let mut argv = vec!["snap", "install", "microk8s", "--classic", &channel];
    let revision = revision.map(|revision| format!("--revision={revision}"));
    argv.extend(revision.as_deref());
    change(node, &argv, "the snap microk8s to be installed", node.limits().install).await
}

async fn from_files(node: Node<'_>, files: &SnapFiles) -> Result<(), MicroK8sError> {
    let done = async {
        for file in files.iter() {
            from_file(node, file).await?;
        }
        Ok::<(), MicroK8sError>(())
    };
    let done = done.await;
    let removed = node.done(&["rm", "-rf", FILES], node.limits().question).await;
    done?;
    Ok(removed.map(drop)?)
}

async fn from_file(node: Node<'_>, file: &SnapFile) -> Result<(), MicroK8sError> {
    let there = snap_list_has(node, &file.name).await?;
    if there {
        return Ok(());
    }
    let (snap, assertion) = (copy(node, &file.snap).await?, copy(node, &file.assertion).await?);
    let what = format!("the snap {} to be installed from its file", file.name);
    let limit = node.limits().install;
    change(node, &["snap", "ack", assertion.as_str()], &what, limit).await?;
    let mut argv = vec!["snap", "install", snap.as_str()];
    if file.name == MICROK8S {
        argv.push("--classic");
    }
    change(node, &argv, &what, limit).await
}

async fn snap_list_has(node: Node<'_>, name: &str) -> Result<bool, MicroK8sError> {
    Ok(installed(node).await?.iter().any(|snap| snap.name == name))
}

async fn copy(node: Node<'_>, file: &Utf8Path) -> Result<Utf8PathBuf, MicroK8sError> {
    let to = Utf8Path::new(FILES).join(file.file_name().unwrap_or_default());
    send_file(node.machine(), file, &to, 0o600).await?;
    Ok(to)
}

/// Has snapd change something, again and again while its reasons not to are passing ones.
async fn change(node: Node<'_>, argv: &[&str], what: &str, limit: Duration) -> Result<(), MicroK8sError> {
    let waiting = node.waiting(what, limit);
    loop {
        let last = match node.run(argv, waiting.left(limit)).await {
            Ok(output) if output.ok() => return Ok(()),
            Ok(output) if is_passing(&output) => said(&output),
            Ok(output) => {
                let command = Command::new(argv.iter().copied());
                return Ok(output.success(node.name(), &command).map(drop)?);
            }
            // snapd goes on without the command that asked for it.
            Err(MachineError::TimedOut { .. }) => under_way(node).await?,
            Err(error) => return Err(error.into()),
        };
        waiting.again(last).await?;
    }
}

fn is_passing(output: &Output) -> bool {
    let text = String::from_utf8_lossy(&output.stderr);
    output.status == TRY_AGAIN || PASSING.iter().any(|part| text.contains(part))
}

/// What snapd works on.
async fn under_way(node: Node<'_>) -> Result<String, MicroK8sError> {
    let changes = snap_changes::parse(&node.run(&["snap", "changes"], node.limits().question).await?.text());
    let newest = changes.iter().rev().find(|change| change.is_under_way()).or(changes.last());
    Ok(newest.map_or_else(
        || "the command did not end, and snapd has no change".to_owned(),
        |change| format!("snapd's change {} is {}: {}", change.id, change.status, change.summary),
    ))
}
