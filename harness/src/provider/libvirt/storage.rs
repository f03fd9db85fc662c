//! The storage pool of a lab: a folder on libvirt's host with its images, disks, seeds, consoles and memories.
//!
//! Everything in it is handled through libvirt: its host may be another machine, and its files are readable by
//! QEMU's own user wherever the images lie here.

use std::time::Duration;

use askama::Template;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};

use super::{
    names::Names,
    options::LibvirtOptions,
    virsh::{Virsh, is_absent, says, taken},
};
use crate::{hex, provider::ProviderError};

/// How long what is still being made in a pool may take, and the time between two looks.
const REST: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(250);

/// The storage pool of a lab.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    virsh: Virsh,
    name: String,
    uuid: String,
    /// Its folder on libvirt's host.
    pub folder: Utf8PathBuf,
}

#[derive(Template)]
#[template(
    source = r#"<pool type="dir"><name>{{ name }}</name><uuid>{{ uuid }}</uuid><target><path>{{ folder }}</path></target></pool>"#,
    ext = "xml"
)]
struct PoolXml<'a> {
    name: &'a str,
    uuid: &'a str,
    folder: &'a str,
}

impl Pool {
    pub(super) fn of(names: &Names, virsh: &Virsh, options: &LibvirtOptions) -> Self {
        let name = names.shared();
        let folder = options.storage().join(&name);
        Self { virsh: virsh.clone(), uuid: names.uuid("pool", ""), name, folder }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Path of a volume on libvirt's host.
    pub(super) fn path(&self, volume: &str) -> Utf8PathBuf {
        self.folder.join(volume)
    }

    /// Makes it.
    pub(super) async fn create(&self) -> Result<(), ProviderError> {
        let xml = PoolXml { name: &self.name, uuid: &self.uuid, folder: self.folder.as_str() };
        let xml = xml.render().unwrap_or_default();
        self.virsh.feed(&["pool-define", "/dev/stdin"], xml.as_bytes()).await.map_err(|error| self.explained(error))?;
        self.virsh.run(&["pool-build", &self.name]).await.map_err(|error| self.explained(error))?;
        self.virsh.run(&["pool-start", &self.name]).await.map(drop)
    }

    /// Starts it unless it is started: it is not after a restart of libvirt's host.
    pub(super) async fn wake(&self) -> Result<(), ProviderError> {
        self.virsh.start(&["pool-start", &self.name]).await
    }

    /// Fails unless so many bytes are free.
    pub(super) async fn has_room(&self, bytes: u64) -> Result<(), ProviderError> {
        let info = self.virsh.run(&["pool-info", "--bytes", &self.name]).await?;
        let available = info.lines().find_map(|line| line.strip_prefix("Available:")?.trim().parse::<u64>().ok());
        match available {
            Some(available) if available < bytes => Err(ProviderError::NoSpace {
                folder: self.folder.to_string(),
                reason: format!("{} MiB are free, and {} MiB are needed", available >> 20, bytes >> 20),
            }),
            _ => Ok(()),
        }
    }

    /// Copies a file to a new volume.
    pub(super) async fn upload(&self, file: &Utf8Path, volume: &str) -> Result<(), ProviderError> {
        let length = fs_err::metadata(file).map_err(ProviderError::file("failed to read an image"))?.len().to_string();
        let create = ["vol-create-as", &self.name, volume, &length, "--allocation", "0", "--format", "raw"];
        self.virsh.run(&create).await.map_err(|error| self.explained(error))?;
        let upload = ["vol-upload", "--pool", &self.name, volume, file.as_str(), "--sparse"];
        self.virsh.run_long(&upload).await.map_err(|error| self.explained(error))?;
        Ok(())
    }

    /// Copies a volume to a file here, all that is in it now.
    pub(super) async fn download(&self, volume: &str, file: &Utf8Path) -> Result<(), ProviderError> {
        let download = ["vol-download", "--pool", &self.name, volume, file.as_str()];
        match self.virsh.run(&download).await {
            Err(error) if is_absent(&error) => {
                self.refresh().await?;
                self.virsh.run(&download).await.map(drop)
            }
            downloaded => downloaded.map(drop),
        }
    }

    /// SHA-256 of what is in a volume, in hexadecimal.
    pub(super) async fn sha256(&self, volume: &str) -> Result<String, ProviderError> {
        let mut hasher = Sha256::new();
        let download = ["vol-download", "--pool", &self.name, volume, "/dev/stdout"];
        self.virsh.read_long(&download, |bytes| hasher.update(bytes)).await?;
        Ok(hex::of(hasher.finalize()))
    }

    /// Looks at the folder again: libvirt knows what it made itself, not what QEMU wrote.
    pub(super) async fn refresh(&self) -> Result<(), ProviderError> {
        self.virsh.run(&["pool-refresh", &self.name]).await.map(drop)
    }

    /// Waits until nothing is made in it any more, which goes on after whoever asked for it was cut off.
    async fn at_rest(&self) -> Result<(), ProviderError> {
        let end = Instant::now() + REST;
        loop {
            match self.refresh().await {
                Err(error) if says(&error, "asynchronous jobs") && Instant::now() < end => sleep(PAUSE).await,
                refreshed => return refreshed,
            }
        }
    }

    /// Size of a volume as a machine sees it, in bytes.
    pub(super) async fn capacity(&self, volume: &str) -> Result<u64, ProviderError> {
        let info = self.virsh.run(&["vol-info", "--bytes", "--pool", &self.name, volume]).await?;
        let words = info.lines().find_map(|line| line.strip_prefix("Capacity:")?.split_whitespace().next());
        words.and_then(|word| word.parse().ok()).ok_or_else(|| ProviderError::Command {
            command: format!("virsh vol-info {volume}"),
            reason: format!("no capacity in `{info}`"),
        })
    }

    /// Makes a disk of so many bytes that starts as another volume is, and leaves that as it is.
    pub(super) async fn overlay(&self, volume: &str, base: &str, bytes: u64) -> Result<(), ProviderError> {
        let size = format!("{bytes}B");
        let mut create = vec!["vol-create-as", &self.name, volume, &size, "--allocation", "0", "--format", "qcow2"];
        create.extend(["--backing-vol", base, "--backing-vol-format", "qcow2"]);
        self.virsh.run(&create).await.map(drop).map_err(|error| self.explained(error))
    }

    /// Removes a volume; one that is not there is no error.
    pub(super) async fn delete(&self, volume: &str) -> Result<(), ProviderError> {
        match self.virsh.run(&["vol-delete", "--pool", &self.name, volume]).await {
            Err(error) if !is_absent(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes it with all that is in it; says false when it is somebody else's.
    pub(super) async fn remove(&self) -> Result<bool, ProviderError> {
        let virsh = &self.virsh;
        match virsh.run(&["pool-uuid", &self.name]).await {
            Ok(uuid) if uuid.trim() != self.uuid => return Ok(false),
            Ok(_) => {}
            Err(error) if is_absent(&error) => return Ok(true),
            Err(error) => return Err(error),
        }
        let is_there = match virsh.run(&["pool-start", &self.name]).await {
            Err(error) if says(&error, "already active") => true,
            // It was not built, and has nothing in it.
            Err(error) if says(&error, "No such file or directory") => false,
            started => started.map(|_| true)?,
        };
        if is_there {
            self.at_rest().await?;
            let volumes = virsh.run(&["vol-list", &self.name]).await?;
            for volume in volumes.lines().filter_map(|line| line.split_whitespace().next()) {
                self.delete(volume).await?;
            }
            virsh.run(&["pool-destroy", &self.name]).await?;
            virsh.run(&["pool-delete", &self.name]).await?;
        }
        virsh.run(&["pool-undefine", &self.name]).await?;
        Ok(true)
    }

    fn explained(&self, error: ProviderError) -> ProviderError {
        if let Some(reason) = taken(&error) {
            return ProviderError::NameTaken {
                what: "storage pool",
                name: self.name.clone(),
                reason: reason.to_owned(),
            };
        }
        match error {
            ProviderError::Command { reason, .. } if reason.contains("No space left") => {
                ProviderError::NoSpace { folder: self.folder.to_string(), reason }
            }
            other => other,
        }
    }
}
