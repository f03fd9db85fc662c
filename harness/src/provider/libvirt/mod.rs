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

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;

use self::{lab::LibvirtLab, names::Names, state::LabState, storage::Pool, virsh::Virsh};
use super::{Machines, Provider, ProviderError, Wanted, wanted::check_wanted};
use crate::ledger::{Entry, ReapError, Reaper, Record, Resource};

pub use self::{
    accelerator::{Accelerator, kvm_advice},
    options::LibvirtOptions,
    virsh::advice,
};

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
        Ok(Accelerator::notice(&self.virsh, &self.options).await?.into_iter().collect())
    }

    async fn versions(&self) -> Result<BTreeMap<String, String>, ProviderError> {
        Ok(versions(&self.virsh.run(&["version"]).await?))
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
        lab.wake().await?;
        lab.boot().await?;
        Ok(Box::new(lab))
    }

    async fn resume(&self, lab: Arc<Entry>) -> Result<Box<dyn Machines>, ProviderError> {
        self.check().await?;
        let state = LabState::read(&lab)?;
        let lab = LibvirtLab::new(lab, self.virsh.clone(), &self.options, state);
        lab.wake().await?;
        lab.check_bases().await?;
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

/// What `virsh version` says of the programs behind it.
fn versions(said: &str) -> BTreeMap<String, String> {
    let of = |what: &str| said.lines().find_map(|line| line.strip_prefix(what)?.split_whitespace().next_back());
    let known = [("libvirt", of("Using library: libvirt")), ("qemu", of("Running hypervisor: QEMU"))];
    known.into_iter().filter_map(|(name, version)| Some((name.to_owned(), version?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::versions;

    #[test]
    fn libvirt_and_qemu_say_their_versions() {
        let said = "Compiled against library: libvirt 9.0.0\nUsing library: libvirt 9.0.0\nUsing API: QEMU 9.0.0\n\
            Running hypervisor: QEMU 7.2.22\n\n";
        let versions: Vec<_> = versions(said).into_iter().collect();
        assert_eq!(versions, [("libvirt".into(), "9.0.0".into()), ("qemu".into(), "7.2.22".into())]);
    }
}
