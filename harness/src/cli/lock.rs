//! `--lock` and `--locked`: how commands record what they used, and insist on it.

use camino::Utf8PathBuf;

use super::{args::LockArgs, failure::Failure, lab_args::WholeArgs, select::Selected};
use crate::lock::{LockError, LockFile, Used};

/// What a command does with `pathlab.lock`.
#[derive(Debug)]
pub(super) enum Locking {
    /// Nothing: a file that nobody asked for is neither written nor read.
    Off,
    /// Record what was used.
    Record(Utf8PathBuf, LockFile),
    /// Refuse whatever differs.
    Insist(Utf8PathBuf, LockFile),
}

impl Locking {
    /// As the command line says. The file is read now: one that cannot be is told before anything is done.
    pub(super) fn new(args: &LockArgs) -> Result<Self, Failure> {
        let path = || args.lock_file.clone();
        Ok(match (args.lock, args.locked) {
            (true, _) => Self::Record(path(), LockFile::read_or_new(&args.lock_file).map_err(Failure::input)?),
            (_, true) => Self::Insist(path(), LockFile::read(&args.lock_file).map_err(Failure::input)?),
            _ => Self::Off,
        })
    }

    /// Has the locked revisions of MicroK8s installed, instead of a channel's newest that would be refused afterwards.
    /// A lock knows one of each distro: where the scenarios want several channels, it is not known of which it is.
    pub(super) fn pin(&self, selected: &Selected, args: &mut WholeArgs) {
        let Self::Insist(_, lock) = self else { return };
        let mut locked = lock.revisions(&format!("{}/{}", selected.provider, selected.cluster));
        locked.retain(|distro, _| {
            let own = selected.plan.clusters.iter().filter(|cluster| cluster.distro.id == *distro);
            let mut channels: Vec<_> = own.map(|cluster| cluster.scenario.microk8s.channel.as_deref()).collect();
            channels.dedup();
            args.channel.is_some() || channels.len() <= 1
        });
        args.locked_revisions = locked;
    }

    /// Refuses what is known to differ before anything is made; `used` is looked for only where that matters.
    pub(super) fn before(&self, used: impl FnOnce() -> Result<Used, Failure>) -> Result<(), Failure> {
        match self {
            Self::Insist(path, lock) => lock.insist(path, &used()?).map_err(Failure::input),
            Self::Off | Self::Record(..) => Ok(()),
        }
    }

    /// The key of what is locked when the command has ended: of the file that there is then, asked for or not.
    pub(super) fn key(args: &LockArgs) -> Result<String, Failure> {
        let lock = LockFile::read_or_new(&args.lock_file).map_err(Failure::input)?;
        Ok(lock.key().to_string())
    }

    /// Refuses or records what was used.
    pub(super) fn after(self, used: &Used) -> Result<(), LockError> {
        match self {
            Self::Off => Ok(()),
            Self::Insist(path, lock) => lock.insist(&path, used),
            Self::Record(path, mut lock) => {
                lock.record(used);
                lock.write(&path)
            }
        }
    }
}
