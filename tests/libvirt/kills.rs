//! The harness is killed at every stage; what it leaves is removed by what its ledger says.

use std::{
    path::Path,
    process::{Child, Command},
    sync::Arc,
    time::{Duration, Instant},
};

use camino::Utf8Path;
use libtest_mimic::Failed;
use pathlab::{
    ledger::{About, Held, Ledger, Record, Resource, Stage},
    provider::{
        Provider,
        libvirt::{Libvirt, LibvirtOptions},
    },
};

use super::{
    ensure,
    lab::{all, nothing_left, wanted},
};

/// Names the folder of the ledger for the process that is killed.
pub const VICTIM: &str = "PATHLAB_LIBVIRT_VICTIM";

/// The ledger of a user whose state is in this folder.
fn ledger(state: &str) -> Ledger {
    Ledger::at(format!("{state}/pathlab/labs").into())
}

type IsReached = fn(&Record, &Utf8Path) -> bool;

/// How long a stage may be away: machines boot before the last ones.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// What the checkpoint of the machine's memory becomes.
const MEMORY: &str = "/var/lib/libvirt/images/pathlab-killed/rhel.memory";

/// When the harness is killed: its ledger says how far it has come at least, then what is in the lab's folder.
const STAGES: [(&str, IsReached); 10] = [
    ("before the pool", |record, _| record.resources.is_empty()),
    ("at the pool", |record, _| any(record, is_pool)),
    ("after the pool", |record, _| made(record, is_pool)),
    ("at the network", |record, _| any(record, is_network)),
    ("after the network", |record, _| made(record, is_network)),
    ("at the first machine", |record, _| any(record, is_domain)),
    ("at the second machine", |record, _| domains(record) == 2),
    ("while they boot", |record, _| {
        domains(record) == 2 && record.resources.iter().all(|held| held.stage == Stage::Made)
    }),
    ("at the checkpoint", |_, _| Path::new(MEMORY).exists()),
    // The first generation of disks is before the checkpoint, the second goes on after it.
    ("at the return", |_, folder| generation(folder) == Some(2)),
];

/// How often the machines' disks have been replaced.
fn generation(lab: &Utf8Path) -> Option<u64> {
    let state = std::fs::read(lab.join("libvirt.json")).ok()?;
    serde_json::from_slice::<serde_json::Value>(&state).ok()?["generation"].as_u64()
}

fn any(record: &Record, kind: fn(&Resource) -> bool) -> bool {
    record.resources.iter().any(|held: &Held| kind(&held.resource))
}

fn made(record: &Record, kind: fn(&Resource) -> bool) -> bool {
    record.resources.iter().any(|held: &Held| held.stage == Stage::Made && kind(&held.resource))
}

fn domains(record: &Record) -> usize {
    let real = |held: &&Held| is_domain(&held.resource) && !held.resource.to_string().contains("kvm-trial");
    record.resources.iter().filter(real).count()
}

fn is_pool(resource: &Resource) -> bool {
    matches!(resource, Resource::LibvirtPool { .. })
}

fn is_network(resource: &Resource) -> bool {
    matches!(resource, Resource::LibvirtNetwork { .. })
}

fn is_domain(resource: &Resource) -> bool {
    matches!(resource, Resource::LibvirtDomain { .. })
}

pub async fn what_a_killed_harness_leaves_is_removed() -> Result<(), Failed> {
    for (stage, is_reached) in STAGES {
        let before = all()?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().to_str().ok_or("UTF-8")?;
        let ledger = ledger(path);
        let name = "killed".parse()?;
        let mut victim = Victim(Command::new(std::env::current_exe()?).env(VICTIM, path).spawn()?);
        let started = Instant::now();
        // A record that is being replaced is looked at again.
        let lab = ledger.folder(&name);
        while !ledger.read(&name).ok().flatten().is_some_and(|(record, _)| is_reached(&record, &lab)) {
            ensure(victim.0.try_wait()?.is_none(), || format!("{stage}: it ended by itself"))?;
            ensure(started.elapsed() < LIMIT, || format!("{stage}: never"))?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let reached = ledger.read(&name).ok().flatten().and_then(|(record, _)| record.resources.last().cloned());
        let reached =
            reached.map_or_else(|| "nothing".to_owned(), |held| format!("{} {:?}", held.resource, held.stage));
        ensure(ledger.claim(&name)?.is_none(), || format!("{stage}: it has no owner while it lives"))?;
        if stage == "while they boot" {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        victim.0.kill()?;
        victim.0.wait()?;
        let said = gc(path).map_err(|error| format!("{stage}: {error:?}"))?;
        nothing_left(&before).map_err(|error| format!("{stage}, {said}: {error:?}"))?;
        ensure(ledger.labs()?.is_empty(), || format!("{stage}: still in the ledger"))?;
        println!("killed {stage} ({reached}): {said}");
    }
    Ok(())
}

/// `lab gc`, as somebody types it whose state is in this folder.
fn gc(state: &str) -> Result<String, Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_lab")).arg("gc").env("XDG_STATE_HOME", state).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure(output.status.success() && said.contains("removed the lab `killed`"), || said.clone())?;
    Ok(said.trim().to_owned())
}

struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The harness that is killed.
pub async fn victim(folder: &str) -> Result<(), Failed> {
    let ledger = ledger(folder);
    let entry = Arc::new(ledger.create(&"killed".parse()?, About::new("libvirt"))?);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let machines = Libvirt::new(LibvirtOptions::default()).create(entry, &[wanted("rhel"), wanted("ubuntu")]).await?;
    machines.checkpoint().await?;
    Ok(machines.restore().await?)
}
