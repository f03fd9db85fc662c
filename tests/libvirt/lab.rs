//! Labs of the tests: their ledger, their machines, and what libvirt has.

use std::{process::Command, sync::Arc};

use camino::{Utf8Path, Utf8PathBuf};
use libtest_mimic::Failed;
use pathlab::{
    ledger::{About, Entry, Ledger},
    provider::{
        Hardware, Wanted,
        libvirt::{Libvirt, LibvirtOptions},
    },
};
use tempfile::TempDir;

use super::ensure;

/// The image of debian-12 that `lab image build` makes; `PATHLAB_DEBIAN_IMAGE` names another file.
pub fn image() -> Option<Utf8PathBuf> {
    if let Ok(path) = std::env::var("PATHLAB_DEBIAN_IMAGE") {
        return Some(path.into());
    }
    let cache = std::env::var("XDG_CACHE_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cache")));
    let folder = Utf8PathBuf::from(cache.ok()?).join("pathlab/images");
    let ours = |name: &str| name.starts_with("debian-12") && Utf8Path::new(name).extension() == Some("qcow2");
    let mut found: Vec<_> = folder.read_dir_utf8().ok()?.filter_map(Result::ok).filter(|entry| ours(entry.file_name())).collect();
    found.sort_by_key(|entry| entry.metadata().and_then(|metadata| metadata.modified()).ok());
    found.pop().map(|entry| entry.path().to_owned())
}

/// A machine of the tests: small, so that two of them fit on any builder.
pub fn wanted(name: &str) -> Wanted {
    Wanted {
        name: name.to_owned(),
        image: image().unwrap_or_default(),
        sha256: None,
        user: "debian".to_owned(),
        hardware: Hardware { cpus: 1, memory_mib: 1024, disk_gib: 4 },
    }
}

/// A ledger of a test's own, and a lab in it.
pub struct Lab {
    pub folder: TempDir,
    pub entry: Arc<Entry>,
    pub libvirt: Libvirt,
    before: String,
}

impl Lab {
    pub fn new(name: &str) -> Result<Self, Failed> {
        Self::with(name, LibvirtOptions::default())
    }

    pub fn with(name: &str, options: LibvirtOptions) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let entry = Arc::new(ledger(&folder)?.create(&name.parse()?, About::new("libvirt"))?);
        Ok(Self { folder, entry, libvirt: Libvirt::new(options), before: all()? })
    }

    /// Takes the lab down; then everything is as it was before.
    pub async fn end(self) -> Result<(), Failed> {
        let entry = Arc::into_inner(self.entry).ok_or("somebody holds the lab")?;
        entry.take_down(&self.libvirt).await?;
        nothing_left(&self.before)?;
        let left: Vec<_> = std::fs::read_dir(self.folder.path().join("labs"))?.collect();
        ensure(left.is_empty(), || format!("in the ledger: {left:?}"))
    }
}

pub fn ledger(folder: &TempDir) -> Result<Ledger, Failed> {
    let path = Utf8Path::from_path(folder.path()).ok_or("UTF-8")?;
    Ok(Ledger::at(path.join("labs")))
}

/// Fails unless libvirt has what it had, and no more processes than that.
pub fn nothing_left(before: &str) -> Result<(), Failed> {
    let after = all()?;
    ensure(after == before, || format!("before:\n{before}\nafter:\n{after}"))
}

/// All that libvirt has: domains, networks, pools, files, processes, bridges.
pub fn all() -> Result<String, Failed> {
    let script = "virsh list --all --name; virsh net-list --all --name; virsh pool-list --all --name
        find /var/lib/libvirt/images | sort
        find /var/lib/libvirt/qemu /etc/libvirt/qemu /etc/libvirt/storage ! -type d 2>/dev/null | sort
        ps -e -o comm= | grep -E 'qemu|dnsmasq|virsh|ssh' | sort
        ip -o link | cut -d: -f2";
    let output = Command::new("sh").args(["-c", script]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program that must succeed; returns what it printed.
pub fn sh(script: &str) -> Result<String, Failed> {
    let output = Command::new("sh").args(["-ec", script]).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure(output.status.success(), || format!("{script}: {said}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
