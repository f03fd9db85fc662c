//! Removing what a lab holds.

use async_trait::async_trait;

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
