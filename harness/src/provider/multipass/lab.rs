//! The instances of one lab: remembered, returned to what they were.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::{
    error::MultipassError,
    machine::{Instance, MultipassMachine},
};
use crate::{
    ledger::Entry,
    provider::{Machines, ProviderError, WholeMachine},
};

/// Name of the snapshot that all machines return to.
const SNAPSHOT: &str = "pathlab";

/// The instances of one lab.
pub(super) struct MultipassLab {
    machines: Vec<Arc<MultipassMachine>>,
    whole: Vec<Arc<dyn WholeMachine>>,
    /// Nobody else gets the lab's lock as long as there is this value.
    _lab: Arc<Entry>,
}

impl MultipassLab {
    pub(super) fn new(lab: Arc<Entry>, machines: Vec<MultipassMachine>) -> Self {
        let machines: Vec<_> = machines.into_iter().map(Arc::new).collect();
        let whole = machines.iter().map(|machine| Arc::clone(machine) as Arc<dyn WholeMachine>).collect();
        Self { machines, whole, _lab: lab }
    }
}

#[async_trait]
impl Machines for MultipassLab {
    fn all(&self) -> &[Arc<dyn WholeMachine>] {
        &self.whole
    }

    async fn checkpoint(&self) -> Result<(), ProviderError> {
        try_join_all(self.machines.iter().map(|machine| async {
            let Instance { multipass, id, .. } = machine.instance();
            multipass.snapshot(id, SNAPSHOT).await?;
            is_back(machine).await
        }))
        .await
        .map(drop)
    }

    /// Multipass keeps no memory.
    fn restarts(&self) -> bool {
        true
    }

    async fn restore(&self) -> Result<(), ProviderError> {
        try_join_all(self.machines.iter().map(|machine| async {
            let Instance { multipass, id, .. } = machine.instance();
            multipass.restore(id, SNAPSHOT).await?;
            machine.returned().await;
            is_back(machine).await
        }))
        .await
        .map(drop)
    }

    async fn park(&self) -> Result<(), ProviderError> {
        try_join_all(self.machines.iter().map(|machine| async {
            let Instance { multipass, id, .. } = machine.instance();
            multipass.stop(id).await
        }))
        .await?;
        Ok(())
    }
}

/// A machine whose address is another one now is not the one that the cluster knows.
async fn is_back(machine: &MultipassMachine) -> Result<(), ProviderError> {
    let Instance { multipass, id, .. } = machine.instance();
    let (before, after) = (machine.address(), multipass.address(id).await?);
    if before == after {
        return Ok(());
    }
    let (name, before, after) = (id.clone(), before.to_string(), after.to_string());
    Err(MultipassError::Moved { name, before, after }.into())
}
