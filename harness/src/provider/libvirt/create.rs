//! From images to machines that can be logged into: each step is in the ledger before it is taken.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, time::Duration};

use camino::Utf8PathBuf;
use fs_err as fs;
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::{
    Libvirt,
    accelerator::Accelerator,
    domain,
    lab::LibvirtLab,
    names::Names,
    network,
    seed::Seed,
    state::{LabState, MachineState, key_files},
    storage::Pool,
};
use crate::{
    ledger::{Entry, Resource},
    provider::{
        ProviderError, Wanted,
        held::held,
        ssh::{KeyPair, known_host},
    },
};

/// What the machines of a lab write at least.
const ROOM_PER_MACHINE: u64 = 1 << 30;

/// How long a machine may take to get an address in a network that is not ours.
const ADDRESS_LIMIT: Duration = Duration::from_secs(600);

impl Libvirt {
    /// Makes the machines; they are started, and not waited for.
    pub(super) async fn make(&self, lab: Arc<Entry>, wanted: &[Wanted]) -> Result<LibvirtLab, ProviderError> {
        let names = Names::of(&lab.record());
        let (accelerator, notice) = Accelerator::choose(&self.virsh, &self.options, &lab).await?;
        if let Some(notice) = notice {
            tracing::warn!("{notice}");
        }
        let login = KeyPair::ed25519(&names.shared())?;
        login.write_private(&key_files(&lab).0)?;
        let pool = self.make_pool(&lab, &names).await?;
        let bases = upload_images(&pool, wanted).await?;
        let mut state = LabState {
            accelerator,
            network: self.options.network.clone().unwrap_or_else(|| names.shared()),
            generation: 0,
            checkpoint: None,
            machines: wanted.iter().map(|one| machine_state(&names, one, &bases)).collect(),
        };
        if self.options.network.is_none() {
            let resource = Resource::LibvirtNetwork { uri: self.options.uri.clone(), name: names.shared() };
            held(&lab, &resource, network::create(&self.virsh, &names, &mut state.machines)).await?;
        }
        let keys = try_join_all(
            wanted
                .iter()
                .zip(&state.machines)
                .map(|(one, machine)| self.make_machine(&lab, &names, &pool, &state, (one, machine), &login)),
        )
        .await?;
        let known: String =
            wanted.iter().zip(&keys).map(|(one, key)| known_host(&names.domain(&one.name), key)).collect();
        fs::write(key_files(&lab).1, known).map_err(ProviderError::file("failed to keep the machines' keys"))?;
        if self.options.network.is_some() {
            self.find_addresses(&names, &mut state).await?;
        }
        state.write(&lab)?;
        Ok(LibvirtLab::new(lab, self.virsh.clone(), &self.options, state))
    }

    async fn make_pool(&self, lab: &Entry, names: &Names) -> Result<Pool, ProviderError> {
        let pool = Pool::of(names, &self.virsh, &self.options);
        let resource = Resource::LibvirtPool { uri: self.options.uri.clone(), name: pool.name().to_owned() };
        held(lab, &resource, pool.create()).await?;
        Ok(pool)
    }

    /// Makes and starts one machine; returns its public host key.
    async fn make_machine(
        &self,
        lab: &Entry,
        names: &Names,
        pool: &Pool,
        state: &LabState,
        (wanted, machine): (&Wanted, &MachineState),
        login: &KeyPair,
    ) -> Result<String, ProviderError> {
        let name = names.domain(&wanted.name);
        let host = KeyPair::ed25519(&wanted.name)?;
        let instance = format!("{}-{}", names.id, wanted.name);
        let own_network = self.options.network.is_none();
        let seed = Seed { wanted, instance, mac: &machine.mac, login: login.public(), host: &host, own_network };
        let image = seed.write(lab.folder()).await?;
        pool.upload(&image, &machine.seed()).await?;
        fs::remove_file(&image).map_err(ProviderError::file("failed to remove a seed"))?;
        let size = pool.capacity(&machine.base).await?.max(u64::from(wanted.hardware.disk_gib) << 30);
        pool.overlay(&machine.disk(state.generation), &machine.base, size).await?;
        let resource = Resource::LibvirtDomain { uri: self.options.uri.clone(), name: name.clone() };
        held(lab, &resource, domain::define(&self.virsh, names, pool, state, machine)).await?;
        self.virsh.run(&["start", &name]).await?;
        Ok(host.public().to_owned())
    }

    /// In a network that is not ours, somebody else gives the addresses.
    async fn find_addresses(&self, names: &Names, state: &mut LabState) -> Result<(), ProviderError> {
        let end = Instant::now() + ADDRESS_LIMIT;
        for machine in &mut state.machines {
            machine.address = loop {
                if let Some(address) = network::leased(&self.virsh, &names.domain(&machine.name)).await? {
                    break address.into();
                }
                if Instant::now() > end {
                    return Err(ProviderError::Network {
                        reason: format!("{} has got no address within {ADDRESS_LIMIT:?}", machine.name),
                        help: format!("does the network {} have a DHCP server?", state.network),
                    });
                }
                sleep(Duration::from_millis(500)).await;
            };
        }
        Ok(())
    }
}

fn machine_state(names: &Names, wanted: &Wanted, bases: &BTreeMap<Utf8PathBuf, String>) -> MachineState {
    MachineState {
        name: wanted.name.clone(),
        user: wanted.user.clone(),
        mac: names.mac(&wanted.name),
        address: Ipv4Addr::UNSPECIFIED.into(),
        hardware: wanted.hardware,
        base: bases.get(&wanted.image).cloned().unwrap_or_default(),
        base_sha256: wanted.sha256.as_ref().map(|sum| sum.to_ascii_lowercase()),
    }
}

/// Copies each image once; returns the volumes.
async fn upload_images(pool: &Pool, wanted: &[Wanted]) -> Result<BTreeMap<Utf8PathBuf, String>, ProviderError> {
    let mut bases = BTreeMap::new();
    let mut bytes = ROOM_PER_MACHINE * wanted.len() as u64;
    for one in wanted {
        if !bases.contains_key(&one.image) {
            bytes += fs::metadata(&one.image).map_err(ProviderError::file("failed to read an image"))?.len();
            bases.insert(one.image.clone(), format!("base-{}.qcow2", bases.len()));
        }
        bytes += u64::from(one.hardware.memory_mib) << 20;
    }
    pool.has_room(bytes).await?;
    try_join_all(bases.iter().map(|(image, volume)| pool.upload(image, volume))).await?;
    // libvirt sees what the images are only now.
    pool.refresh().await?;
    Ok(bases)
}
