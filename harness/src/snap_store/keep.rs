//! One snap in the cache: proven, or brought there.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::{
    SnapStore, chain,
    error::{SnapStoreError, WITHOUT_THE_STORE},
    offer::Offer,
};
use crate::download::{DownloadError, Kind, Part, Sum, Turn, Wanted, download, place};

/// Brings a snap and its assertions into the cache, unless they are there and right. Others that want the same one wait.
pub(super) async fn keep(store: &SnapStore, offer: &Offer) -> Result<Utf8PathBuf, SnapStoreError> {
    let snap = store.options.folder.join(format!("{}_{}.snap", offer.name, offer.revision));
    // Waiting blocks this thread and nothing else: one snap is fetched at a time.
    let _turn = Turn::wait(&snap, &offer.name, "the snap", &store.progress)?;
    let assertions = snap.with_extension("assert");
    let known = fs::read(&assertions).is_ok_and(|text| chain::check(&text, offer).is_ok());
    if !known {
        let text = chain::fetch(&store.asker(&offer.name), offer).await?;
        place::write(&assertions, &text)?;
    }
    if !is_right(&snap, offer)? {
        if snap.exists() {
            store.progress.line(&format!("{}: {snap} is not what the store has; fetching it anew", offer.name));
            place::remove(&snap)?;
        }
        bring(store, offer, &snap).await?;
    }
    Ok(snap)
}

/// Whether a file is the snap: all of it is read.
fn is_right(snap: &Utf8Path, offer: &Offer) -> Result<bool, DownloadError> {
    if !fs::metadata(snap).is_ok_and(|file| file.len() == offer.size) {
        return Ok(false);
    }
    Sum::Sha3(offer.sum).is_of_file(snap).map_err(|error| DownloadError::io("read", snap, error))
}

async fn bring(store: &SnapStore, offer: &Offer, snap: &Utf8Path) -> Result<(), SnapStoreError> {
    let wanted = Wanted {
        client: &store.client,
        label: &offer.name,
        what: &format!("the snap {} (revision {})", offer.name, offer.revision),
        otherwise: Some(WITHOUT_THE_STORE),
        file: snap,
        sum: Sum::Sha3(offer.sum),
        kind: Kind::Squashfs,
        size: Some(offer.size),
        stall: store.options.stall,
        progress: &store.progress,
    };
    download(&wanted, std::slice::from_ref(&offer.url)).await?;
    store.progress.end();
    place::read_only(&Part::path_of(snap), snap)?;
    Ok(Part::remove(snap)?)
}
