//! Stopping, starting, snapshots, deletion.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{client::Multipass, error::MultipassError, state::InstanceState};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

impl Multipass {
    /// Starts an instance, unless it runs.
    pub async fn start(&self, name: &str) -> Result<(), MultipassError> {
        let limit = self.limits().change;
        if self.state(name).await? != InstanceState::Running {
            self.call(&["start", name, "--timeout", &limit.as_secs().to_string()], &[], 2 * limit).await?;
        }
        self.wait_for(name, &InstanceState::Running, limit).await
    }

    /// Stops an instance, unless it is stopped.
    pub async fn stop(&self, name: &str) -> Result<(), MultipassError> {
        let limit = self.limits().change;
        if self.state(name).await? != InstanceState::Stopped {
            self.call(&["stop", name], &[], limit).await?;
        }
        self.wait_for(name, &InstanceState::Stopped, limit).await
    }

    /// Takes a snapshot; the instance must be stopped for it and runs again afterwards. One of that name that is there
    /// already stays.
    pub async fn snapshot(&self, name: &str, snapshot: &str) -> Result<(), MultipassError> {
        if self.snapshots(name).await?.iter().any(|known| known == snapshot) {
            return Ok(());
        }
        self.stop(name).await?;
        self.call(&["snapshot", name, "--name", snapshot], &[], self.limits().change).await?;
        self.start(name).await
    }

    /// Goes back to a snapshot, throwing away what came after it. The instance runs afterwards.
    pub async fn restore(&self, name: &str, snapshot: &str) -> Result<(), MultipassError> {
        self.stop(name).await?;
        let restore = ["restore", "--destructive", &format!("{name}.{snapshot}")];
        self.call(&restore, &[], self.limits().change).await?;
        self.start(name).await
    }

    /// Removes an instance with its snapshots; one that is not there is removed already.
    pub async fn delete(&self, name: &str) -> Result<(), MultipassError> {
        if self.listed(name).await?.is_none() {
            return Ok(());
        }
        let limit = self.limits().change;
        self.call(&["delete", "--purge", name], &[], limit).await?;
        match self.listed(name).await? {
            None => Ok(()),
            Some(state) => {
                let (name, wanted) = (name.to_owned(), "gone".to_owned());
                Err(MultipassError::State { name, state: state.to_string(), wanted, limit })
            }
        }
    }

    async fn state(&self, name: &str) -> Result<InstanceState, MultipassError> {
        Ok(self.listed(name).await?.unwrap_or(InstanceState::Deleted))
    }

    /// The state of an instance; none when there is none of that name. `info` is not asked: it runs programs in an
    /// instance that runs, and fails where nobody gets in any more (canonical/multipass#1474).
    async fn listed(&self, name: &str) -> Result<Option<InstanceState>, MultipassError> {
        Ok(self.list().await?.into_iter().find(|one| one.name == name).map(|one| one.state))
    }

    /// Waits until an instance is in a state; passing states are waited through, others end the wait at once.
    pub(super) async fn wait_for(
        &self,
        name: &str,
        wanted: &InstanceState,
        limit: Duration,
    ) -> Result<(), MultipassError> {
        let end = Instant::now() + limit;
        loop {
            let state = self.state(name).await?;
            if state == *wanted {
                return Ok(());
            }
            if !state.is_passing() || Instant::now() > end {
                let (name, state, wanted) = (name.to_owned(), state.to_string(), wanted.to_string());
                return Err(MultipassError::State { name, state, wanted, limit });
            }
            sleep(PAUSE).await;
        }
    }
}
