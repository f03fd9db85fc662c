//! MicroK8s from the snap store onto this host: the snap, its base and snapd, once for all machines.
//!
//! What `snap download` does is done here without snapd, which this host need not have: the store is asked for a channel
//! or a revision ([`offer`]), the snap and the store's word for it ([`chain`]) are brought here and proven, and both stand
//! in the cache as `NAME_REVISION.snap` and `NAME_REVISION.assert`, as `snap ack` and `snap install` take them. Signatures
//! are checked by the machines' snapd, which has the keys; that the words are about these bytes is checked here.

mod ask;
mod assertion;
mod chain;
mod error;
mod keep;
mod offer;
mod options;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use fs_err as fs;
use reqwest::Client;

use self::{ask::Asker, keep::keep, offer::Which};
pub use self::{
    error::SnapStoreError,
    options::{STORE, STORE_VARIABLE, StoreOptions},
};
use crate::{
    catalog::microk8s::Release,
    download::{DownloadError, Progress, client},
};

/// The snap of MicroK8s.
const MICROK8S: &str = "microk8s";
/// The base of snaps that name none (snapd: `snap/info.go`, `Info.Base`).
const NO_BASE: &str = "core";
/// Channel of the snaps that MicroK8s needs.
const NEEDED: &str = "stable";

/// The store, and what was brought from it.
#[derive(Debug)]
pub struct SnapStore {
    options: StoreOptions,
    client: Client,
    progress: Progress,
    /// The snaps that MicroK8s needs, by name: several releases share them.
    needed: BTreeMap<String, Utf8PathBuf>,
}

impl SnapStore {
    /// The store with its cache, which is created.
    ///
    /// # Errors
    /// When there can be no cache, or no downloads at all.
    pub fn open(options: StoreOptions, progress: Progress) -> Result<Self, SnapStoreError> {
        let folder = &options.folder;
        fs::create_dir_all(folder).map_err(|error| DownloadError::io("create", folder, error))?;
        let client = client::for_downloads(options.stall)?;
        Ok(Self { options, client, progress, needed: BTreeMap::new() })
    }

    /// Brings one release of MicroK8s here with its base and snapd, unless they are here and right. Returns the snaps'
    /// files; each has its assertions beside it. Other processes that want the same snap wait for it.
    ///
    /// # Errors
    /// When the store has no such release, cannot be reached, or sends something else.
    pub async fn microk8s(&mut self, release: &Release) -> Result<Vec<Utf8PathBuf>, SnapStoreError> {
        let which = match release {
            Release::Channel(channel) => Which::Channel(channel),
            Release::Revision(revision) => Which::Revision(*revision),
        };
        let offer = offer::ask(&self.asker(MICROK8S), which).await?;
        let base = offer.base.clone().unwrap_or_else(|| NO_BASE.to_owned());
        let mut files = vec![keep(self, &offer).await?];
        for name in [base.as_str(), "snapd"] {
            files.push(self.needed(name).await?);
        }
        Ok(files)
    }

    async fn needed(&mut self, name: &str) -> Result<Utf8PathBuf, SnapStoreError> {
        if let Some(file) = self.needed.get(name) {
            return Ok(file.clone());
        }
        let offer = offer::ask(&self.asker(name), Which::Channel(NEEDED)).await?;
        let file = keep(self, &offer).await?;
        self.needed.insert(name.to_owned(), file.clone());
        Ok(file)
    }

    fn asker<'a>(&'a self, snap: &'a str) -> Asker<'a> {
        Asker { client: &self.client, options: &self.options, snap }
    }
}
