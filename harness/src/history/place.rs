//! Where the history is when nobody says so.

use std::env;

use camino::Utf8PathBuf;

/// How many runs of one lab the history keeps: two years of nights.
pub const KEEP: usize = 730;

/// `$XDG_STATE_HOME/pathlab/history.sqlite`, in `~/.local/state` where that is not set; none without a home.
#[must_use]
pub fn default_path() -> Option<Utf8PathBuf> {
    let folder = |name: &str| env::var(name).ok().map(Utf8PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("pathlab/history.sqlite"))
}
