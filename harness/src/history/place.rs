//! Where the history is when nobody says so.

use camino::Utf8PathBuf;

use crate::folders;

/// How many runs of one lab the history keeps: two years of nights.
pub const KEEP: usize = 730;

/// `$XDG_STATE_HOME/pathlab/history.sqlite`, in `~/.local/state` where that is not set; none without a home.
#[must_use]
pub fn default_path() -> Option<Utf8PathBuf> {
    Some(folders::state().ok()?.join("history.sqlite"))
}
