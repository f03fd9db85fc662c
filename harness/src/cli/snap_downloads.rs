//! `--download-snaps`: MicroK8s from the store onto this host, once for all machines.

use std::collections::BTreeSet;

use super::{
    failure::Failure,
    lab_args::{DownloadedSnaps, WholeArgs},
    select::Selected,
    wait::wait,
    whole,
};
use crate::{
    download::Progress,
    snap_store::{SnapStore, SnapStoreError, StoreOptions},
};

/// Downloads what the selected clusters install, each release once, and notes the files in the arguments; nothing where
/// that is not asked for.
pub(super) fn download(selected: &Selected, args: &mut WholeArgs) -> Result<(), Failure> {
    if !args.download_snaps {
        return Ok(());
    }
    let snaps = whole::snaps(args)?;
    let carried = selected.plan.clusters.iter().filter(|cluster| cluster.not_carried(selected.provider).is_none());
    let releases: BTreeSet<_> = carried.map(|cluster| snaps.release(cluster)).collect();
    let mut store = StoreOptions::of_user().and_then(open).map_err(failure)?;
    for release in releases {
        let files = wait(store.microk8s(&release))?.map_err(failure)?;
        args.downloaded.push(DownloadedSnaps { release, files });
    }
    Ok(())
}

fn open(options: StoreOptions) -> Result<SnapStore, SnapStoreError> {
    SnapStore::open(options, Progress::detect())
}

fn failure(error: SnapStoreError) -> Failure {
    if error.is_input() { Failure::input(error) } else { Failure::lab(error) }
}
