//! Makes the instances of labs, and removes them.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};
use tokio::sync::oneshot;

use super::{
    client::Multipass, error::MultipassError, lab::MultipassLab, launch::LaunchSpec, lend::Lent,
    machine::MultipassMachine, names,
};
use crate::{
    ledger::{Entry, ReapError, Reaper, Record, Resource, remove_folder},
    provider::{Machines, Provider, ProviderError, Wanted, held::held, wanted::check_wanted},
};

/// How long booting an instance may take, and initialising it.
const BOOT: Duration = Duration::from_secs(600);

/// Makes instances with Multipass.
#[derive(Clone, Debug)]
pub struct MultipassProvider {
    multipass: Multipass,
}

/// Launches of this process that have not ended, by their instances. The daemon goes on with one whose command was
/// killed, and knows nothing of the instance for a while: whoever removes it waits for the end of its launch first.
static UNDER_WAY: LazyLock<Mutex<HashMap<String, oneshot::Receiver<()>>>> = LazyLock::new(Mutex::default);

fn under_way() -> MutexGuard<'static, HashMap<String, oneshot::Receiver<()>>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MultipassProvider {
    /// Through this command.
    #[must_use]
    pub fn new(multipass: Multipass) -> Self {
        Self { multipass }
    }

    async fn make(&self, lab: &Entry, one: &Wanted, lent: &Lent) -> Result<MultipassMachine, ProviderError> {
        let spec = LaunchSpec {
            instance: names::instance(&lab.record(), &one.name),
            machine: one.name.clone(),
            image: lent.place(&one.image),
            family: one.family,
            hardware: one.hardware,
            limit: BOOT,
        };
        let resource = Resource::MultipassInstance { name: spec.instance.clone() };
        let mut made = None;
        held(lab, &resource, async {
            made = Some(self.launch(spec).await?);
            Ok(())
        })
        .await?;
        made.ok_or_else(|| ProviderError::Refused("the launch was given up".to_owned()))
    }

    /// Launches an instance; that goes on to its end when nobody waits for it any more.
    async fn launch(&self, spec: LaunchSpec) -> Result<MultipassMachine, ProviderError> {
        let (ended, wait) = oneshot::channel();
        under_way().insert(spec.instance.clone(), wait);
        let multipass = self.multipass.clone();
        let launched = tokio::spawn(async move {
            let launched = multipass.launch(&spec).await;
            // Whoever waited may have gone.
            drop(ended);
            launched
        });
        Ok(launched.await.map_err(|error| ProviderError::Refused(error.to_string()))??)
    }

    /// The instances of a lab that another process made.
    async fn found(&self, lab: Arc<Entry>) -> Result<MultipassLab, ProviderError> {
        let record = lab.record();
        let instances = record.resources.iter().filter_map(|held| match &held.resource {
            Resource::MultipassInstance { name } => Some((names::machine(&record, name)?, name)),
            _ => None,
        });
        let machines = try_join_all(instances.map(|(machine, instance)| async move {
            self.multipass.start(instance).await?;
            self.multipass.machine(machine, instance).await
        }))
        .await?;
        Ok(MultipassLab::new(lab, machines))
    }

    async fn remove(&self, instance: &str) -> Result<(), MultipassError> {
        let launch = under_way().remove(instance);
        if let Some(launch) = launch {
            // It ends by being dropped, and that is no news.
            drop(launch.await);
        }
        self.multipass.delete(instance).await
    }
}

#[async_trait]
impl Provider for MultipassProvider {
    async fn check(&self) -> Result<Vec<String>, ProviderError> {
        self.multipass.able().await?;
        Ok(Vec::new())
    }

    async fn create(&self, lab: Arc<Entry>, wanted: &[Wanted]) -> Result<Box<dyn Machines>, ProviderError> {
        check_wanted(wanted).await?;
        let lent = Lent::new(&lab, wanted).await?;
        // All come to their end before the first error is told: whoever removes them finds them in a state.
        let made = join_all(wanted.iter().map(|one| self.make(&lab, one, &lent))).await;
        let machines = made.into_iter().collect::<Result<_, _>>()?;
        lent.end(&lab)?;
        Ok(Box::new(MultipassLab::new(lab, machines)))
    }

    async fn attach(&self, lab: Arc<Entry>) -> Result<Box<dyn Machines>, ProviderError> {
        self.check().await?;
        Ok(Box::new(self.found(lab).await?))
    }

    async fn resume(&self, lab: Arc<Entry>) -> Result<Box<dyn Machines>, ProviderError> {
        self.check().await?;
        let lab = self.found(lab).await?;
        lab.restore().await?;
        Ok(Box::new(lab))
    }

    /// Multipass shows no consoles.
    async fn consoles(&self, _: Arc<Entry>) -> Result<Vec<(String, Vec<u8>)>, ProviderError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Reaper for MultipassProvider {
    async fn reap(&self, record: &Record, resource: &Resource) -> Result<(), ReapError> {
        match resource {
            Resource::MultipassInstance { name } if names::machine(record, name).is_none() => {
                Err(ReapError::NotOurs(resource.to_string()))
            }
            Resource::MultipassInstance { name } => {
                self.remove(name).await.map_err(|error| ReapError::Failed(error.to_string()))
            }
            Resource::Folder { path } => remove_folder(record, path),
            _ => Err(ReapError::Unknown),
        }
    }
}
