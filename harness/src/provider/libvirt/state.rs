//! What must be known of a lab's machines to find them again: a file in the lab's folder.

use std::net::IpAddr;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::accelerator::Accelerator;
use crate::{catalog::distro::Hardware, ledger::Entry, provider::ProviderError};

/// Name of the file.
const FILE: &str = "libvirt.json";

/// The machines of a lab.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LabState {
    /// What runs their instructions.
    pub accelerator: Accelerator,
    /// The network that they share.
    pub network: String,
    /// How often their disks have been replaced: part of the disks' names.
    pub generation: u32,
    /// The generation whose disks, with the memory, are the checkpoint.
    pub checkpoint: Option<u32>,
    /// They, in the order in which they were asked for.
    pub machines: Vec<MachineState>,
}

/// One machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MachineState {
    /// Its name.
    pub name: String,
    /// Login user.
    pub user: String,
    /// MAC address.
    pub mac: String,
    /// Address on the network; unspecified until it is known.
    pub address: IpAddr,
    /// Its size.
    pub hardware: Hardware,
    /// Volume that its first disk starts from.
    pub base: String,
    /// SHA-256 that this volume must have.
    #[serde(default)]
    pub base_sha256: Option<String>,
}

impl LabState {
    pub(super) fn read(lab: &Entry) -> Result<Self, ProviderError> {
        let path = lab.folder().join(FILE);
        let text = fs_err::read(&path).map_err(ProviderError::file("failed to find the lab's machines"))?;
        serde_json::from_slice(&text).map_err(|error| ProviderError::Refused(format!("{path}: {error}")))
    }

    /// Whole or not at all.
    pub(super) fn write(&self, lab: &Entry) -> Result<(), ProviderError> {
        let failed = || ProviderError::file("failed to write down the lab's machines");
        let (path, new) = (lab.folder().join(FILE), lab.folder().join(format!("{FILE}.new")));
        let text = serde_json::to_vec_pretty(self).map_err(|error| ProviderError::Refused(error.to_string()))?;
        fs_err::write(&new, text).map_err(failed())?;
        fs_err::rename(new, path).map_err(failed())
    }
}

impl MachineState {
    /// Volume of its disk in a generation.
    pub(super) fn disk(&self, generation: u32) -> String {
        format!("{}.{generation}.qcow2", self.name)
    }

    /// Volume of its seed.
    pub(super) fn seed(&self) -> String {
        format!("{}.seed.iso", self.name)
    }

    /// Volume with what its serial console printed.
    pub(super) fn console(&self) -> String {
        format!("{}.console", self.name)
    }

    /// Volume of the checkpoint's memory.
    pub(super) fn memory(&self) -> String {
        format!("{}.memory", self.name)
    }
}

/// Where a lab keeps the key that logs in, and the keys that its machines have.
pub(super) fn key_files(lab: &Entry) -> (Utf8PathBuf, Utf8PathBuf) {
    (lab.folder().join("id_ed25519"), lab.folder().join("known_hosts"))
}
