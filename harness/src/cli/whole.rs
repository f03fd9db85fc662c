//! From the command line to the recipe of whole machines: images are proven before anything is made.

use std::{collections::BTreeMap, sync::Arc};

use camino::Utf8PathBuf;
use miette::Diagnostic;

use super::{
    args::{LockArgs, RunArgs},
    failure::Failure,
    lab_args::WholeArgs,
    lock::Locking,
    select::Selected,
};
use crate::{
    catalog::distro::Distro,
    cluster::microk8s::{MicroK8sError, SnapFiles},
    image::{OwnImages, Store},
    ledger::{LabName, Ledger},
    model::ProviderKind,
    provider::{HostPool, PoolError, libvirt::LibvirtOptions, multipass::Multipass},
    run::{BootImage, LibvirtHosts, Recipe, Size, Snaps, WholeProvider, WholeRecipe, stamp},
};

/// Arguments that whole machines cannot be made of.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum WholeError {
    /// An image for a distro that is not in it.
    #[error("`--image {0}=` is for none of the distros of this lab")]
    #[diagnostic(help("name a distro that is selected, by its id or alias"))]
    Image(String),
    /// Snaps that do not belong together.
    #[error(transparent)]
    Snaps(#[from] MicroK8sError),
    /// Hosts of libvirt that make no sense together.
    #[error("{0}")]
    #[diagnostic(help("`--libvirt-uri` names each host once"))]
    Hosts(PoolError),
    /// Machines that are not made by the run, or end with it anyway.
    #[error("`--reuse` is for whole machines that a run makes, and the provider {0} makes none")]
    #[diagnostic(help("`--provider libvirt` and `--provider multipass` do"))]
    Reuse(ProviderKind),
    /// Machines whose host would have to be found again.
    #[error("`--reuse` is for one host of libvirt: `--libvirt-uri` names several")]
    #[diagnostic(help("name one"))]
    ReuseHosts,
    /// Hosts of somebody's that would be kept busy.
    #[error("nothing stays up on hosts that exist")]
    #[diagnostic(help("`lab run --provider ssh --host …` looks at them, and leaves them as they were"))]
    Existing,
}

/// Refuses what cannot be, before images are looked for.
pub(super) fn check(provider: ProviderKind) -> Result<(), Failure> {
    match provider {
        ProviderKind::Multipass => Multipass::possible().map_err(Failure::lab),
        ProviderKind::Netns | ProviderKind::Libvirt | ProviderKind::Ssh => Ok(()),
    }
}

/// The key by which `--reuse` finds machines: that of the lock file.
pub(super) fn reuse(provider: ProviderKind, args: &RunArgs) -> Result<String, Failure> {
    match provider {
        ProviderKind::Netns | ProviderKind::Ssh => Err(Failure::input(WholeError::Reuse(provider))),
        ProviderKind::Libvirt if args.selection.lab.whole.libvirt_uris.len() > 1 => {
            Err(Failure::input(WholeError::ReuseHosts))
        }
        ProviderKind::Libvirt | ProviderKind::Multipass => Locking::key(&args.lock),
    }
}

/// Machines that a run has left are those of the lock file as it is now.
pub(super) fn left_for_later(kept: &[LabName], args: &LockArgs) -> Result<(), Failure> {
    if kept.is_empty() {
        return Ok(());
    }
    let key = Locking::key(args)?;
    Ledger::open().and_then(|ledger| stamp(&ledger, kept, &key)).map_err(Failure::lab)?;
    let names: Vec<&str> = kept.iter().map(LabName::as_str).collect();
    eprintln!("Stopped, for the next run with `--reuse`: {}. `lab down NAME` removes them.", names.join(", "));
    Ok(())
}

/// The recipe of the selected clusters. Every image is read to its end, and is the right one.
pub(super) fn recipe(selected: &Selected, args: &WholeArgs) -> Result<Recipe, Failure> {
    let provider = match selected.provider {
        ProviderKind::Libvirt => WholeProvider::Libvirt(libvirt(args)?),
        ProviderKind::Multipass => WholeProvider::Multipass { limit: args.machines_per_host.map(usize::from) },
        ProviderKind::Ssh | ProviderKind::Netns => return Err(Failure::input(WholeError::Existing)),
    };
    let snaps = snaps(args)?;
    Ok(Recipe::Whole(Box::new(WholeRecipe {
        provider,
        images: images(selected, args)?,
        size: Size { cpus: args.cpus, memory_mib: args.memory.map(|gib| gib << 10), disk_gib: args.disk },
        snaps,
        epel: args.epel.clone(),
        reuse: None,
        log: None,
    })))
}

/// Where MicroK8s comes from.
pub(super) fn snaps(args: &WholeArgs) -> Result<Snaps, Failure> {
    let find = |files: &[Utf8PathBuf]| SnapFiles::find(files).map_err(|error| Failure::input(WholeError::from(error)));
    let files = if args.snaps.is_empty() { None } else { Some(find(&args.snaps)?) };
    let downloaded = args.downloaded.iter().map(|one| Ok((one.release.clone(), find(&one.files)?)));
    let downloaded = downloaded.collect::<Result<_, Failure>>()?;
    let (channel, revision, locked) = (args.channel.clone(), args.revision, args.locked_revisions.clone());
    Ok(Snaps { files, downloaded, channel, revision, locked })
}

fn libvirt(args: &WholeArgs) -> Result<LibvirtHosts, Failure> {
    let uris = match args.libvirt_uris.as_slice() {
        [] => vec![LibvirtOptions::default().uri],
        named => named.to_vec(),
    };
    let limit = args.machines_per_host.map(usize::from);
    HostPool::new(uris.clone(), limit.unwrap_or(usize::MAX))
        .map_err(|error| Failure::input(WholeError::Hosts(error)))?;
    let (network, storage) = (args.libvirt_network.clone(), args.libvirt_storage.clone());
    let host = |uri| LibvirtOptions { uri, network: network.clone(), storage: storage.clone() };
    Ok(LibvirtHosts { hosts: uris.into_iter().map(host).collect(), limit })
}

/// The image of every distro that a machine of the plan has.
fn images(selected: &Selected, args: &WholeArgs) -> Result<BTreeMap<String, BootImage>, Failure> {
    let carried = selected.plan.clusters.iter().filter(|one| one.not_carried(selected.provider).is_none());
    let distros: BTreeMap<&str, &Arc<Distro>> =
        carried.flat_map(|cluster| &cluster.machines).map(|distro| (distro.id.as_str(), distro)).collect();
    for image in &args.images {
        let name = &image.distro;
        // The machines of a part need not be all.
        if selected.shard.is_none()
            && !distros.values().any(|distro| distro.id == *name || distro.aliases.contains(name))
        {
            return Err(Failure::input(WholeError::Image(name.clone())));
        }
    }
    let own = args.images.iter().map(|image| (image.distro.clone(), image.file.clone()));
    let store = Store::open(OwnImages::new(own)).map_err(Failure::lab)?;
    let (mut images, mut problems): (_, Vec<Box<dyn Diagnostic + Send + Sync>>) = (BTreeMap::new(), Vec::new());
    for (id, distro) in distros {
        match store.checked(distro) {
            Ok(base) => {
                images.insert(id.to_owned(), BootImage { path: base.path, sha256: base.sha256.to_string() });
            }
            Err(error) => problems.push(Box::new(error)),
        }
    }
    if problems.is_empty() { Ok(images) } else { Err(Failure::Lab(problems)) }
}
