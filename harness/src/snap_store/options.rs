//! Which store, and where its snaps are kept.

use std::time::Duration;

use camino::Utf8PathBuf;
use reqwest::Url;

use super::error::SnapStoreError;
use crate::{catalog::image::is_download_url, folders};

/// The store (snapd: `store/store.go`, `apiURL`).
pub const STORE: &str = "https://api.snapcraft.io/";
/// The environment variable that names a proxy of the store instead.
pub const STORE_VARIABLE: &str = "PATHLAB_SNAP_STORE";

/// A store that sends nothing for so long has failed.
const STALL: Duration = Duration::from_secs(60);

/// Which store, and where its snaps are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Where its API begins.
    pub store: Url,
    /// The folder of the cache.
    pub folder: Utf8PathBuf,
    /// The machines' architecture, by snapd's name for it.
    pub architecture: &'static str,
    /// A store that sends nothing for so long has failed.
    pub stall: Duration,
}

impl StoreOptions {
    /// Of this user: the store, unless the environment names another; `$XDG_CACHE_HOME/pathlab/snaps`, else
    /// `~/.cache/pathlab/snaps`. The machines are of this host's architecture, as the agent that is copied to them is.
    ///
    /// # Errors
    /// When the environment names no place of a store, or there is no folder for a cache.
    pub fn of_user() -> Result<Self, SnapStoreError> {
        let named = std::env::var(STORE_VARIABLE).ok().filter(|value| !value.is_empty());
        let store = parsed(named.as_deref().unwrap_or(STORE))?;
        let folder = folders::cache()?.join("snaps");
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        Ok(Self { store, folder, architecture, stall: STALL })
    }
}

/// The place of a store, with a path that others can be put behind.
fn parsed(text: &str) -> Result<Url, SnapStoreError> {
    let wrong = || SnapStoreError::NoStore { value: text.to_owned() };
    if !is_download_url(text) {
        return Err(wrong());
    }
    let mut url: Url = text.parse().map_err(|_| wrong())?;
    url.set_path(&format!("{}/", url.path().trim_end_matches('/')));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::{STORE, parsed};

    #[test]
    fn a_store_is_reached_by_https() {
        assert_eq!(parsed(STORE).expect("a store").as_str(), STORE);
        assert_eq!(parsed("https://proxy.invalid/snaps").expect("a store").as_str(), "https://proxy.invalid/snaps/");
        for wrong in ["http://proxy.invalid/", "proxy.invalid", "https://"] {
            let error = parsed(wrong).expect_err(wrong).to_string();
            assert!(error.starts_with(&format!("PATHLAB_SNAP_STORE names `{wrong}`")), "{error}");
        }
    }
}
