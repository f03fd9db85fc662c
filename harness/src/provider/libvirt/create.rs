//! From images to machines that can be logged into: each step is in the ledger before it is taken.

use std::{collections::BTreeMap, future::Future, io::Read as _, net::Ipv4Addr, sync::Arc, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use futures_util::future::try_join_all;
use sha2::{Digest as _, Sha256};
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
    hex,
    ledger::{Entry, Resource},
    provider::{
        ProviderError, Wanted,
        ssh::{KeyPair, known_host},
    },
};

/// What the machines of a lab write at least.
const ROOM_PER_MACHINE: u64 = 1 << 30;

/// How long a machine may take to get an address in a network that is not ours.
const ADDRESS_LIMIT: Duration = Duration::from_secs(600);

/// Looks at all that can be looked at before anything is created.
pub(super) async fn check_wanted(wanted: &[Wanted]) -> Result<(), ProviderError> {
    for (number, one) in wanted.iter().enumerate() {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if one.name.is_empty() || !one.name.chars().all(plain) {
            let message = format!("`{}` is no name for a machine: lower-case letters, digits and hyphens", one.name);
            return Err(ProviderError::Refused(message));
        }
        if wanted[..number].iter().any(|earlier| earlier.name == one.name) {
            return Err(ProviderError::Refused(format!("two machines are named {}", one.name)));
        }
    }
    let images: BTreeMap<_, _> = wanted.iter().map(|one| (one.image.clone(), one.sha256.clone())).collect();
    for (path, expected) in images {
        let checked = tokio::task::spawn_blocking(move || check_image(&path, expected.as_deref())).await;
        checked.map_err(|error| ProviderError::Refused(error.to_string()))??;
    }
    Ok(())
}

fn check_image(path: &Utf8Path, expected: Option<&str>) -> Result<(), ProviderError> {
    let unusable = |reason: String| ProviderError::Image { path: path.to_owned(), reason };
    let mut file = fs::File::open(path).map_err(|error| unusable(error.to_string()))?;
    let Some(expected) = expected else { return Ok(()) };
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(|error| unusable(error.to_string()))? {
            0 => break,
            length => hasher.update(&buffer[..length]),
        }
    }
    let found = hex::of(hasher.finalize());
    if found == expected.to_ascii_lowercase() {
        return Ok(());
    }
    Err(unusable(format!("its SHA-256 is {found}, not {expected}: it was changed, or is another image")))
}

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

/// Creates something that the ledger knows before. What turns out to be somebody else's is not the lab's to remove.
async fn held(
    lab: &Entry,
    resource: &Resource,
    create: impl Future<Output = Result<(), ProviderError>>,
) -> Result<(), ProviderError> {
    lab.will_create(resource)?;
    let created = create.await;
    match &created {
        Ok(()) => lab.created(resource)?,
        Err(ProviderError::NameTaken { .. }) => lab.removed(resource)?,
        Err(_) => {}
    }
    created
}

fn machine_state(names: &Names, wanted: &Wanted, bases: &BTreeMap<Utf8PathBuf, String>) -> MachineState {
    MachineState {
        name: wanted.name.clone(),
        user: wanted.user.clone(),
        mac: names.mac(&wanted.name),
        address: Ipv4Addr::UNSPECIFIED.into(),
        hardware: wanted.hardware,
        base: bases.get(&wanted.image).cloned().unwrap_or_default(),
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

#[cfg(test)]
mod tests {
    use super::{ProviderError, Wanted, check_image, check_wanted};
    use crate::catalog::distro::Hardware;

    fn wanted(name: &str) -> Wanted {
        let (image, user) = ("/dev/null".into(), "debian".to_owned());
        Wanted { name: name.to_owned(), image, sha256: None, user, hardware: Hardware::default() }
    }

    #[tokio::test]
    async fn machines_need_names_of_their_own() {
        assert!(check_wanted(&[wanted("rhel-9-5"), wanted("ubuntu")]).await.is_ok());
        for names in [&["a b"][..], &[""], &["rhel", "rhel"], &["../x"], &["rhel-9.5"]] {
            let all: Vec<_> = names.iter().map(|name| wanted(name)).collect();
            assert!(matches!(check_wanted(&all).await, Err(ProviderError::Refused(_))), "{names:?}");
        }
    }

    #[test]
    fn an_image_that_was_changed_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = camino::Utf8Path::from_path(folder.path()).expect("UTF-8").join("image");
        fs_err::write(&path, "abc").expect("written");
        let abc = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        assert!(check_image(&path, Some(abc)).is_ok());
        fs_err::write(&path, "abd").expect("written");
        let error = check_image(&path, Some(abc)).expect_err("another image");
        assert!(error.to_string().contains("it was changed"), "{error}");
        assert!(check_image(&path.join("no"), None).is_err());
    }
}
