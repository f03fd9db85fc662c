//! Labs of the tests: their ledger, their machines, and what libvirt has.

use std::{process::Command, sync::Arc};

use camino::{Utf8Path, Utf8PathBuf};
use libtest_mimic::Failed;
use pathlab::{
    catalog::distro::{Family, Hardware},
    ledger::{About, Entry, Ledger},
    provider::{
        Wanted,
        libvirt::{Libvirt, LibvirtOptions},
    },
};
use tempfile::TempDir;

use super::ensure;

/// Holds the path of the image in the namespaces; names another image where it is set before.
pub const IMAGE: &str = "PATHLAB_DEBIAN_IMAGE";

/// The image of debian-12.
pub fn image() -> Utf8PathBuf {
    std::env::var(IMAGE).unwrap_or_default().into()
}

/// The image of debian-12 in the user's own store, built where it is missing.
pub fn built_image() -> Result<Utf8PathBuf, String> {
    if let Ok(path) = std::env::var(IMAGE) {
        return Ok(path.into());
    }
    let lab = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_lab")).args(arguments).output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    };
    lab(&["image", "build", "debian-12"])?;
    let listed = lab(&["image", "list", "--format", "json"])?;
    let listed: serde_json::Value = serde_json::from_slice(&listed).map_err(|error| error.to_string())?;
    let ours = listed.as_array().and_then(|images| images.iter().find(|image| image["distro"] == "debian-12"));
    let path = ours.and_then(|image| image["path"].as_str());
    path.map(Into::into).ok_or_else(|| format!("not in the list: {listed}"))
}

/// A machine of the tests: small, so that two of them fit on any builder.
pub fn wanted(name: &str) -> Wanted {
    Wanted {
        name: name.to_owned(),
        image: image(),
        sha256: None,
        family: Family::Debian,
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
    // Some of what is told to end does so a moment later.
    let mut after = all()?;
    for _ in 0..100 {
        if after == before {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        after = all()?;
    }
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
