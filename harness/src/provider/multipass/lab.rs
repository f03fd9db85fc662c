//! The instances of one lab: remembered, returned to what they were.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use async_trait::async_trait;
use camino::Utf8PathBuf;
use futures_util::future::join_all;

use super::{
    error::MultipassError,
    machine::{Instance, MultipassMachine},
};
use crate::{
    ledger::Entry,
    provider::{Machine as _, Machines, ProviderError, WholeMachine},
};

/// Name of the snapshot that all machines return to.
const SNAPSHOT: &str = "pathlab";

/// The instances of one lab.
pub(super) struct MultipassLab {
    machines: Vec<Arc<MultipassMachine>>,
    whole: Vec<Arc<dyn WholeMachine>>,
    /// Nobody else gets the lab's lock as long as there is this value.
    lab: Arc<Entry>,
}

impl MultipassLab {
    pub(super) fn new(lab: Arc<Entry>, machines: Vec<MultipassMachine>) -> Self {
        let machines: Vec<_> = machines.into_iter().map(Arc::new).collect();
        let whole = machines.iter().map(|machine| Arc::clone(machine) as Arc<dyn WholeMachine>).collect();
        Self { machines, whole, lab }
    }

    /// Does something with every machine; all come to their end before the first error is told, as the daemon goes on
    /// with what it was told.
    async fn each<'a, F>(&'a self, work: impl Fn(&'a MultipassMachine) -> F) -> Result<(), ProviderError>
    where
        F: Future<Output = Result<(), ProviderError>>,
    {
        join_all(self.machines.iter().map(|machine| work(machine))).await.into_iter().collect()
    }

    /// The file with the addresses that the machines had at their checkpoint.
    fn addresses(&self) -> Utf8PathBuf {
        self.lab.folder().join("addresses.json")
    }

    fn keep_addresses(&self) -> Result<(), ProviderError> {
        let known: BTreeMap<&str, IpAddr> = self.machines.iter().map(|one| (one.name(), one.address())).collect();
        let text = serde_json::to_vec(&known).map_err(|error| ProviderError::Refused(error.to_string()))?;
        fs_err::write(self.addresses(), text).map_err(ProviderError::file("failed to write the machines' addresses"))
    }

    fn kept_addresses(&self) -> Result<BTreeMap<String, IpAddr>, ProviderError> {
        let text =
            fs_err::read(self.addresses()).map_err(ProviderError::file("failed to read the machines' addresses"))?;
        serde_json::from_slice(&text).map_err(|error| ProviderError::Refused(error.to_string()))
    }
}

#[async_trait]
impl Machines for MultipassLab {
    fn all(&self) -> &[Arc<dyn WholeMachine>] {
        &self.whole
    }

    async fn checkpoint(&self) -> Result<(), ProviderError> {
        self.each(async |machine| {
            let Instance { multipass, id, .. } = machine.instance();
            multipass.snapshot(id, SNAPSHOT).await?;
            is_at(machine, machine.address()).await
        })
        .await?;
        self.keep_addresses()
    }

    /// Multipass keeps no memory.
    fn restarts(&self) -> bool {
        true
    }

    async fn restore(&self) -> Result<(), ProviderError> {
        let addresses = self.kept_addresses()?;
        self.each(async |machine| {
            let Instance { multipass, id, .. } = machine.instance();
            multipass.restore(id, SNAPSHOT).await?;
            machine.returned().await;
            is_at(machine, addresses.get(machine.name()).copied().unwrap_or_else(|| machine.address())).await
        })
        .await
    }

    async fn park(&self) -> Result<(), ProviderError> {
        self.each(async |machine| {
            let Instance { multipass, id, .. } = machine.instance();
            Ok(multipass.stop(id).await?)
        })
        .await
    }
}

/// A machine whose address is another one now is not the one that the cluster knows.
async fn is_at(machine: &MultipassMachine, before: IpAddr) -> Result<(), ProviderError> {
    let Instance { multipass, id, .. } = machine.instance();
    let after = multipass.address(id).await?;
    if before == after {
        return Ok(());
    }
    let (name, before, after) = (id.clone(), before.to_string(), after.to_string());
    Err(MultipassError::Moved { name, before, after }.into())
}
