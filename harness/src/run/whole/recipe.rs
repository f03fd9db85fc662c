//! What whole machines and their clusters are made of: data only.

use std::{collections::BTreeMap, sync::Arc};

use camino::Utf8PathBuf;

use super::tools::MachineHost;
use crate::{
    catalog::distro::{Distro, Hardware},
    model::ProviderKind,
    plan::ClusterPlan,
    provider::{
        HostPool, PoolError, Wanted,
        libvirt::{Libvirt, LibvirtOptions},
        multipass::{Multipass, MultipassProvider},
    },
    run::snaps::Snaps,
};

/// What whole machines and their clusters are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeRecipe {
    /// What makes the machines.
    pub provider: WholeProvider,
    /// The image of each distro, by its id.
    pub images: BTreeMap<String, BootImage>,
    /// What is not as the distros' files say of the machines' sizes.
    pub size: Size,
    /// Where MicroK8s comes from.
    pub snaps: Snaps,
    /// The package that brings EPEL, where the machines' own repositories do not know it.
    pub epel: Option<String>,
    /// Whether machines outlive the run, for a later one with this key of the lock.
    pub reuse: Option<String>,
    /// Where every command that is run on a machine is written down; in the lab's own folder where it stays up.
    pub log: Option<Utf8PathBuf>,
}

/// What makes whole machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WholeProvider {
    /// Virtual machines of libvirt, on one host or several.
    Libvirt(LibvirtHosts),
    /// Virtual machines of this host's Multipass.
    Multipass {
        /// Machines that there may be at the same time; none for as many as are wanted.
        limit: Option<usize>,
    },
}

/// The hosts of virtual machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibvirtHosts {
    /// The libvirt of each; the machines of one cluster are all on one.
    pub hosts: Vec<LibvirtOptions>,
    /// Machines that each may have at the same time; none for as many as are wanted.
    pub limit: Option<usize>,
}

/// The image that a distro's machines start from, proven to be the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootImage {
    /// A qcow2 file that stands alone.
    pub path: Utf8PathBuf,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Sizes of machines that were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Virtual processors.
    pub cpus: Option<u16>,
    /// Memory, in MiB.
    pub memory_mib: Option<u32>,
    /// Disk, in GiB.
    pub disk_gib: Option<u32>,
}

impl Size {
    fn of(self, declared: Hardware) -> Hardware {
        Hardware {
            cpus: self.cpus.unwrap_or(declared.cpus),
            memory_mib: self.memory_mib.unwrap_or(declared.memory_mib),
            disk_gib: self.disk_gib.unwrap_or(declared.disk_gib),
        }
    }
}

impl WholeProvider {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ProviderKind {
        match self {
            Self::Libvirt(_) => ProviderKind::Libvirt,
            Self::Multipass { .. } => ProviderKind::Multipass,
        }
    }

    /// Its hosts, ready to be asked.
    pub(super) fn connect(&self) -> Vec<MachineHost> {
        match self {
            Self::Libvirt(libvirt) => libvirt.hosts.iter().map(MachineHost::of_libvirt).collect(),
            Self::Multipass { .. } => vec![MachineHost::of_multipass()],
        }
    }

    /// Places for machines on those hosts.
    pub(super) fn pool(&self) -> Result<HostPool, PoolError> {
        match self {
            Self::Libvirt(libvirt) => {
                let uris = libvirt.hosts.iter().map(|options| options.uri.clone()).collect();
                HostPool::new(uris, libvirt.limit.unwrap_or(usize::MAX))
            }
            Self::Multipass { limit } => {
                HostPool::new(vec![self.kind().as_str().to_owned()], limit.unwrap_or(usize::MAX))
            }
        }
    }
}

impl WholeRecipe {
    /// The machines of a cluster. `prefix` sets them apart from those of other clusters in the same lab.
    pub(super) fn wanted(&self, plan: &ClusterPlan, prefix: &str) -> Vec<Wanted> {
        let one = |(number, distro): (u32, &Arc<Distro>)| {
            let image = self.images.get(&distro.id);
            Wanted {
                name: format!("{prefix}{}-{number}", distro.id.to_lowercase().replace(|c| !plain(c), "-")),
                image: image.map(|image| image.path.clone()).unwrap_or_default(),
                sha256: image.map(|image| image.sha256.clone()),
                user: distro.image.user.clone(),
                family: distro.family,
                hardware: self.size.of(distro.machine),
            }
        };
        (1..).zip(&plan.machines).map(one).collect()
    }
}

impl MachineHost {
    fn of_libvirt(options: &LibvirtOptions) -> Self {
        let not_outside = (!options.is_local()).then(|| {
            let uri = &options.uri;
            format!(
                "the machines' network is that of another host ({uri}), and nothing of the lab is outside of it there"
            )
        });
        Self { provider: Arc::new(Libvirt::new(options.clone())), not_outside }
    }

    /// Instances of Multipass are behind a bridge of this host.
    fn of_multipass() -> Self {
        Self { provider: Arc::new(MultipassProvider::new(Multipass::default())), not_outside: None }
    }
}

/// What a host's name may be made of.
const fn plain(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit()
}
