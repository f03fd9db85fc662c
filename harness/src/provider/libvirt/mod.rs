//! The `libvirt` provider: virtual machines of libvirt and QEMU.
//!
//! A lab has a network, a storage pool and its machines' domains; their names and UUIDs follow from the lab's name
//! and id, and all stand in the lab's ledger before they exist. libvirt's host may be another machine.

mod accelerator;
mod create;
mod domain;
mod lab;
mod machine;
mod names;
mod network;
mod options;
mod seed;
mod state;
mod storage;
mod virsh;

use std::sync::Arc;

use async_trait::async_trait;

use self::{lab::LibvirtLab, names::Names, state::LabState, storage::Pool, virsh::Virsh};
use super::{Machines, Provider, ProviderError, Wanted, wanted::check_wanted};
use crate::ledger::{Entry, ReapError, Reaper, Record, Resource};

pub use self::{accelerator::Accelerator, options::LibvirtOptions, virsh::advice};

/// Makes virtual machines with libvirt.
#[derive(Clone, Debug)]
pub struct Libvirt {
    options: LibvirtOptions,
    virsh: Virsh,
}

impl Libvirt {
    /// Nothing is connected to yet.
    #[must_use]
    pub fn new(options: LibvirtOptions) -> Self {
        Self { virsh: Virsh::new(&options.uri), options }
    }

    /// Whether a machine with KVM really runs; else why not.
    pub async fn try_kvm(&self, lab: &Entry) -> Result<Option<String>, ProviderError> {
        accelerator::trial(&self.virsh, lab).await
    }
}

#[async_trait]
impl Provider for Libvirt {
    async fn check(&self) -> Result<Vec<String>, ProviderError> {
        self.virsh.run(&["version"]).await?;
        network::check(&self.virsh, &self.options).await?;
        Ok(Vec::new())
    }

    async fn create(&self, lab: Arc<Entry>, wanted: &[Wanted]) -> Result<Box<dyn Machines>, ProviderError> {
        check_wanted(wanted).await?;
        self.check().await?;
        let lab = self.make(lab, wanted).await?;
        lab.boot().await?;
        Ok(Box::new(lab))
    }

    async fn attach(&self, lab: Arc<Entry>) -> Result<Box<dyn Machines>, ProviderError> {
        self.check().await?;
        let state = LabState::read(&lab)?;
        let lab = LibvirtLab::new(lab, self.virsh.clone(), &self.options, state);
        lab.boot().await?;
        Ok(Box::new(lab))
    }

    async fn resume(&self, lab: Arc<Entry>) -> Result<Box<dyn Machines>, ProviderError> {
        self.check().await?;
        let state = LabState::read(&lab)?;
        let lab = LibvirtLab::new(lab, self.virsh.clone(), &self.options, state);
        lab.restore().await?;
        Ok(Box::new(lab))
    }

    async fn consoles(&self, lab: Arc<Entry>) -> Result<Vec<(String, Vec<u8>)>, ProviderError> {
        let state = LabState::read(&lab)?;
        let lab = LibvirtLab::new(lab, self.virsh.clone(), &self.options, state);
        let mut all = Vec::new();
        for machine in lab.all() {
            all.push((machine.name().to_owned(), machine.console().await?));
        }
        Ok(all)
    }
}

#[async_trait]
impl Reaper for Libvirt {
    async fn reap(&self, record: &Record, resource: &Resource) -> Result<(), ReapError> {
        let names = Names::of(record);
        let removed = match resource {
            Resource::LibvirtDomain { uri, name } => domain::remove(&Virsh::new(uri), name, &record.id).await,
            Resource::LibvirtNetwork { uri, .. } => network::remove(&Virsh::new(uri), &names).await,
            Resource::LibvirtPool { uri, .. } => Pool::of(&names, &Virsh::new(uri), &self.options).remove().await,
            _ => return Err(ReapError::Unknown),
        };
        match removed {
            Ok(true) => Ok(()),
            Ok(false) => Err(ReapError::NotOurs(resource.to_string())),
            Err(error) => Err(ReapError::Failed(error.to_string())),
        }
    }
}
