//! What a lab may hold on this machine that does not end by itself.

use std::fmt;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::ProcessId;

/// Something that must be removed when the lab is taken down. Its value is its identity: what is planned and
/// what is removed later are told to be the same by being equal, so nothing in it may depend on chance or time
/// that is not known before it is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Resource {
    /// The process that owns a lab of namespaces: with it ends everything in them.
    Keeper {
        /// Who it is.
        process: ProcessId,
    },
    /// A control group of the lab's own.
    Cgroup {
        /// Its folder.
        path: Utf8PathBuf,
    },
    /// A folder of the lab's own outside of its ledger: disks, seeds, keys, sockets.
    Folder {
        /// Where.
        path: Utf8PathBuf,
    },
    /// A virtual machine of libvirt.
    LibvirtDomain {
        /// Connection, as `virsh --connect` takes it.
        uri: String,
        /// Its name. Whether it is ours, the lab's id in its metadata says.
        name: String,
    },
    /// A network of libvirt.
    LibvirtNetwork {
        /// Connection.
        uri: String,
        /// Its name.
        name: String,
    },
    /// A volume of libvirt.
    LibvirtVolume {
        /// Connection.
        uri: String,
        /// Its storage pool.
        pool: String,
        /// Its name in the pool.
        name: String,
    },
    /// A storage pool of libvirt, with all volumes in it.
    LibvirtPool {
        /// Connection.
        uri: String,
        /// Its name.
        name: String,
    },
    /// A virtual machine of Multipass.
    MultipassInstance {
        /// Its name.
        name: String,
    },
    /// Something that was added to a host which existed before the lab. The host carries the lab's claim as long as
    /// there is anything.
    OnHost {
        /// Where the host is, as `ssh` is told.
        host: String,
        /// What it is, for people.
        what: String,
        /// The command that takes it away, run there as root; it ends well where there is nothing to take away.
        removal: Vec<String>,
    },
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keeper { process } => write!(f, "keeper process {}", process.pid),
            Self::Cgroup { path } => write!(f, "control group {path}"),
            Self::Folder { path } => write!(f, "folder {path}"),
            Self::LibvirtDomain { uri, name } => write!(f, "libvirt domain {name} ({uri})"),
            Self::LibvirtNetwork { uri, name } => write!(f, "libvirt network {name} ({uri})"),
            Self::LibvirtVolume { uri, pool, name } => write!(f, "libvirt volume {name} in pool {pool} ({uri})"),
            Self::LibvirtPool { uri, name } => write!(f, "libvirt storage pool {name} ({uri})"),
            Self::MultipassInstance { name } => write!(f, "Multipass instance {name}"),
            Self::OnHost { host, what, .. } => write!(f, "{what} on {host}"),
        }
    }
}
