//! What makes and removes the machines of a run, and remembers what is to be said of it in the end.

use std::{
    collections::BTreeMap,
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::oneshot, task::JoinSet};

use crate::{
    diagnose::evidence::{Area, Collected, Evidence, redact},
    ledger::{About, Entry, Ledger, LedgerError, State},
    provider::{HostPool, Lease, Provider, command_log::CommandLog},
    run::maker::Farewell,
};

/// A host of machines.
pub(super) struct MachineHost {
    /// Makes machines on it.
    pub(super) provider: Arc<dyn Provider>,
    /// Why this host is not outside of the machines' network; none where it is.
    pub(super) not_outside: Option<String>,
}

/// What makes and removes the machines of a run.
pub(super) struct Tools {
    /// The hosts of the machines.
    pub(super) hosts: Vec<MachineHost>,
    /// How many machines each of them has; of the same hosts in the same order.
    pub(super) pool: HostPool,
    /// The log of all that is done on the machines, where one is kept.
    pub(super) log: Option<Arc<CommandLog>>,
    pub(super) ledger: Ledger,
    pub(super) about: About,
    /// The distro of machines by their names.
    pub(super) distros: Mutex<BTreeMap<String, String>>,
    pub(super) farewell: Mutex<Farewell>,
    /// What goes on to its end, whoever waits for it.
    pub(super) endings: Mutex<JoinSet<()>>,
}

impl Tools {
    /// A new lab in the ledger, for some machines of this run.
    pub(super) fn entry(&self) -> Result<Arc<Entry>, LedgerError> {
        let mut number = 1_u32;
        loop {
            let name = format!("run-{}-{number}", process::id()).parse().expect("letters, digits and hyphens");
            match self.ledger.create(&name, self.about.clone()) {
                // Of this run, or of one that was killed and whose number this process has got.
                Err(LedgerError::Taken { .. }) => number += 1,
                created => return created.map(Arc::new),
            }
        }
    }

    /// Does something to its end, even where whoever waits for it is cut off: then [`Self::all_ended`] waits.
    pub(super) async fn to_its_end(&self, ending: impl Future<Output = ()> + Send + 'static) {
        let (done, ended) = oneshot::channel::<()>();
        self.endings().spawn(async move {
            ending.await;
            drop(done);
        });
        drop(ended.await);
    }

    /// Waits for all that was to be done to its end.
    pub(super) async fn all_ended(&self) {
        loop {
            let mut endings = std::mem::take(&mut *self.endings());
            if endings.is_empty() {
                return;
            }
            while let Some(ended) = endings.join_next().await {
                if let Err(error) = ended {
                    self.fault(format!("machines were not ended: {error}; `lab gc` removes them"));
                }
            }
        }
    }

    /// Removes all that a lab of this run holds. What its consoles printed is kept for the evidence; what cannot be
    /// removed is a fault of the run, and stays in the ledger.
    pub(super) async fn take_down(self: &Arc<Self>, entry: Arc<Entry>, host: Lease) {
        let tools = Arc::clone(self);
        self.to_its_end(async move {
            let lab = entry.record().name;
            tools.keep_consoles_of(&entry, &host).await;
            match Arc::into_inner(entry) {
                Some(entry) => tools.remove(entry, host.host()).await,
                None => tools.fault(format!("the machines of the lab `{lab}` are still in use; `lab gc` removes them")),
            }
        })
        .await;
    }

    /// Removes all that a lab holds.
    pub(super) async fn remove(&self, entry: Entry, host: usize) {
        if let Err(remains) = entry.take_down(&*self.hosts[host].provider).await {
            self.fault(remains.to_string());
        }
    }

    /// Leaves the machines of a lab of this run, which are stopped, to a later run.
    pub(super) async fn keep(&self, entry: Arc<Entry>, host: &Lease) {
        self.keep_consoles_of(&entry, host).await;
        match entry.reached(State::Kept) {
            Ok(()) => self.farewell().kept.push(entry.record().name),
            Err(error) => self.fault(error.to_string()),
        }
    }

    async fn keep_consoles_of(&self, entry: &Arc<Entry>, host: &Lease) {
        let lab = entry.record().name.to_string();
        match self.hosts[host.host()].provider.consoles(Arc::clone(entry)).await {
            Ok(consoles) => self.keep_consoles(&lab, consoles),
            // There may be none yet: its machines were not even begun.
            Err(error) => tracing::debug!("{lab}: no consoles: {error}"),
        }
    }

    fn fault(&self, fault: String) {
        tracing::warn!("{fault}");
        self.farewell().faults.push(fault);
    }

    fn keep_consoles(&self, lab: &str, consoles: Vec<(String, Vec<u8>)>) {
        for (machine, printed) in consoles {
            let distro = self.distros().get(&machine).cloned().unwrap_or_default();
            let (text, redacted) = redact(&String::from_utf8_lossy(&printed));
            let console = Collected {
                area: Area::Logs,
                name: "console".to_owned(),
                path: "logs/console.txt".to_owned(),
                command: "serial console".to_owned(),
                status: Some(0),
                text,
                redacted,
            };
            let name = format!("console.{lab}.{machine}");
            let evidence = Evidence { machine, distro, collected: vec![console] };
            self.farewell().consoles.push((name, evidence));
        }
    }

    pub(super) fn distros(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.distros.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endings(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn farewell(&self) -> MutexGuard<'_, Farewell> {
        self.farewell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
