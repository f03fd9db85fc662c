//! Whatever is created stands in the lab's ledger first.

use std::future::Future;

use super::ProviderError;
use crate::ledger::{Entry, Resource};

/// Creates something that the ledger knows before. What turns out to be somebody else's is not the lab's to remove.
pub(super) async fn held(
    lab: &Entry,
    resource: &Resource,
    create: impl Future<Output = Result<(), ProviderError>>,
) -> Result<(), ProviderError> {
    lab.will_create(resource)?;
    let created = create.await;
    match &created {
        Ok(()) => lab.created(resource)?,
        Err(ProviderError::NameTaken { .. }) => lab.removed(resource)?,
        Err(_) => {}
    }
    created
}
