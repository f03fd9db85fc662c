//! Removing what a lab holds.

use std::io::ErrorKind;

use async_trait::async_trait;
use camino::Utf8Path;

use super::{Record, Resource};

/// Removes resources: the one thing that each provider brings along for taking labs down.
#[async_trait]
pub trait Reaper: Send + Sync {
    /// Makes sure that the resource is gone. One that was planned and never made, or is gone already, is no
    /// error; one that is not the lab's (`record.id` says) must stay, and is an error.
    async fn reap(&self, record: &Record, resource: &Resource) -> Result<(), ReapError>;
}

/// Why a resource could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum ReapError {
    /// It is not the lab's own.
    #[error("left alone, because it is not this lab's: {0}")]
    NotOurs(String),
    /// It could not be removed.
    #[error("{0}")]
    Failed(String),
    /// Nothing here can remove resources of this kind.
    #[error("this version cannot remove it")]
    Unknown,
}

/// Removes a folder of the lab's own. Whoever makes one has the lab's id in its name: nothing else tells whose it is.
pub fn remove_folder(record: &Record, path: &Utf8Path) -> Result<(), ReapError> {
    if !path.file_name().is_some_and(|name| name.contains(&record.id)) {
        return Err(ReapError::NotOurs(format!("its name does not hold the lab's id {}", record.id)));
    }
    match fs_err::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(ReapError::Failed(error.to_string())),
        _ => Ok(()),
    }
}
