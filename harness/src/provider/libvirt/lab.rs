//! The machines of one lab: found, remembered, returned to what they were.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use tokio::sync::Mutex;

use super::{
    domain,
    machine::LibvirtMachine,
    names::{self, Names},
    network,
    options::LibvirtOptions,
    state::{LabState, MachineState, key_files},
    storage::Pool,
    virsh::Virsh,
};
use crate::{
    ledger::Entry,
    provider::{
        Command, Machine as _, Machines, ProviderError, SocketOutside, WholeMachine,
        ssh::{SshMachine, SshTarget},
    },
};

/// How long a machine may take to answer once its memory is back.
const BACK: Duration = Duration::from_secs(60);

/// The machines of one lab.
pub(super) struct LibvirtLab {
    pub lab: Arc<Entry>,
    pub virsh: Virsh,
    pub names: Names,
    pub pool: Pool,
    /// Whether the network is the lab's own, and on this host.
    own_network: bool,
    pub state: Mutex<LabState>,
    pub machines: Vec<Arc<LibvirtMachine>>,
    whole: Vec<Arc<dyn WholeMachine>>,
}

impl LibvirtLab {
    pub(super) fn new(lab: Arc<Entry>, virsh: Virsh, options: &LibvirtOptions, state: LabState) -> Self {
        let names = Names::of(&lab.record());
        let pool = Pool::of(&names, &virsh, options);
        let (identity, known_hosts) = key_files(&lab);
        let machine = |machine: &MachineState| {
            let target = SshTarget {
                host: machine.address.to_string(),
                port: 22,
                user: machine.user.clone(),
                identity: identity.clone(),
                known_hosts: known_hosts.clone(),
                alias: names.domain(&machine.name),
                through: options.through(),
            };
            Arc::new(LibvirtMachine {
                ssh: SshMachine::new(&machine.name, target),
                address: machine.address,
                domain: names.domain(&machine.name),
                console: machine.console(),
                pool: pool.clone(),
                virsh: virsh.clone(),
                accelerator: state.accelerator,
            })
        };
        let machines: Vec<_> = state.machines.iter().map(machine).collect();
        let whole = machines.iter().map(|machine| Arc::clone(machine) as Arc<dyn WholeMachine>).collect();
        let own_network = options.network.is_none() && options.is_local();
        Self { lab, virsh, names, pool, own_network, state: Mutex::new(state), machines, whole }
    }

    /// Starts what the machines need: none of it starts with libvirt's host.
    pub(super) async fn wake(&self) -> Result<(), ProviderError> {
        self.pool.wake().await?;
        let shared = self.state.lock().await.network == self.names.shared();
        if shared { network::wake(&self.virsh, &self.names).await } else { Ok(()) }
    }

    /// Starts the machines that do not run, and waits until all can be used.
    pub(super) async fn boot(&self) -> Result<(), ProviderError> {
        let mut off = Vec::new();
        for machine in &self.machines {
            if domain::state(&self.virsh, &machine.domain).await? == "shut off" {
                off.push(&machine.domain);
            }
        }
        if !off.is_empty() {
            self.check_bases().await?;
        }
        for domain in off {
            self.virsh.run(&["start", domain]).await?;
        }
        try_join_all(self.machines.iter().map(|machine| machine.wait_for_boot())).await.map(drop)
    }

    /// Whether the images that the machines' disks start from are still what they were when they were copied here:
    /// to be asked before machines are started that have been off since.
    pub(super) async fn check_bases(&self) -> Result<(), ProviderError> {
        let machines = self.state.lock().await.machines.clone();
        let bases: BTreeMap<_, _> = machines.into_iter().filter_map(|one| Some((one.base, one.base_sha256?))).collect();
        for (volume, expected) in bases {
            let found = self.pool.sha256(&volume).await?;
            if found != expected {
                let reason = format!("its SHA-256 is {found}, not {expected}: somebody changed it");
                return Err(ProviderError::Copy { path: self.pool.path(&volume), reason });
            }
        }
        Ok(())
    }

    /// Starts all machines from the checkpoint, with fresh disks above its own.
    async fn resume(&self, state: &mut LabState, checkpoint: u32) -> Result<(), ProviderError> {
        state.generation += 1;
        state.write(&self.lab)?;
        self.pool.refresh().await?;
        let state = &*state;
        try_join_all(state.machines.iter().zip(&self.machines).map(|(known, machine)| async move {
            let (old, new) = (known.disk(checkpoint), known.disk(state.generation));
            let size = self.pool.capacity(&old).await?;
            self.pool.overlay(&new, &old, size).await?;
            domain::define(&self.virsh, &self.names, &self.pool, state, known).await?;
            let memory = self.pool.path(&known.memory());
            let xml = self.virsh.run(&["save-image-dumpxml", memory.as_str()]).await?;
            let (old, new) = (self.pool.path(&old), self.pool.path(&new));
            let xml = xml.replace(&format!("file='{old}'"), &format!("file='{new}'"));
            self.virsh
                .feed_long(&["restore", memory.as_str(), "--running", "--xml", "/dev/stdin"], xml.as_bytes())
                .await?;
            machine.ssh.wait_until_up(None, BACK * machine.accelerator.patience()).await?;
            set_clock(machine).await
        }))
        .await
        .map(drop)
    }

    /// Closes the connections: the machines forget them without a word.
    async fn disconnect(&self) {
        for machine in &self.machines {
            machine.ssh.disconnect().await;
        }
    }
}

#[async_trait]
impl Machines for LibvirtLab {
    fn all(&self) -> &[Arc<dyn WholeMachine>] {
        &self.whole
    }

    async fn checkpoint(&self) -> Result<(), ProviderError> {
        let mut state = self.state.lock().await;
        if state.checkpoint.is_some() {
            return Err(ProviderError::Refused(format!("the lab {} has a checkpoint already", self.names.lab)));
        }
        self.disconnect().await;
        try_join_all(state.machines.iter().zip(&self.machines).map(|(known, machine)| async move {
            let memory = self.pool.path(&known.memory());
            self.virsh.run_long(&["save", &machine.domain, memory.as_str(), "--running"]).await
        }))
        .await?;
        let checkpoint = state.generation;
        state.checkpoint = Some(checkpoint);
        self.resume(&mut state, checkpoint).await
    }

    async fn restore(&self) -> Result<(), ProviderError> {
        let mut state = self.state.lock().await;
        let Some(checkpoint) = state.checkpoint else {
            return Err(ProviderError::Refused(format!("the lab {} has no checkpoint to return to", self.names.lab)));
        };
        self.disconnect().await;
        let generation = state.generation;
        try_join_all(state.machines.iter().zip(&self.machines).map(|(known, machine)| async move {
            domain::pull_the_plug(&self.virsh, &machine.domain).await?;
            self.pool.delete(&known.disk(generation)).await
        }))
        .await?;
        self.resume(&mut state, checkpoint).await
    }

    async fn park(&self) -> Result<(), ProviderError> {
        self.disconnect().await;
        let stopped = self.machines.iter().map(|machine| domain::pull_the_plug(&self.virsh, &machine.domain));
        try_join_all(stopped).await.map(drop)
    }

    fn socket_outside(&self) -> Option<SocketOutside> {
        let machine = self.machines.first().filter(|_| self.own_network)?;
        let address = names::address_outside(machine.address)?;
        Some(SocketOutside { bridge: self.names.bridge(), address: (address, 24) })
    }
}

/// Puts a machine's clock right, which stood still with the machine. It is moved by what it is late, not set to a time that
/// is over when the command gets there.
async fn set_clock(machine: &LibvirtMachine) -> Result<(), ProviderError> {
    let now = || jiff::Timestamp::now().as_millisecond();
    let ask = Command::new(["date", "+%s%3N"]);
    let before = now();
    let said = machine.run(&ask).await?.success(machine.name(), &ask)?.text();
    let here = i64::midpoint(before, now());
    let there: i64 = said.trim().parse().map_err(|_| ProviderError::Command {
        command: ask.display(),
        reason: format!("{}: `{}` is no time", machine.name(), said.trim()),
    })?;
    let late = here - there;
    let sign = if late < 0 { '-' } else { '+' };
    let (seconds, rest) = (late.unsigned_abs() / 1000, late.unsigned_abs() % 1000);
    let clock = Command::new(["date", "-u", "-s", &format!("{sign}{seconds}.{rest:03} seconds")]);
    machine.run(&clock).await?.success(machine.name(), &clock)?;
    Ok(())
}
