//! The user's folders for what Pathlab keeps, after the XDG Base Directory Specification.
//!
//! One rule for all: the variable where it is an absolute path, else the specification's default below `HOME` where that
//! is one, else there is no such folder. A relative path counts as not set, as the specification wants it: what is
//! written from one working folder must be found from another.

use std::ffi::OsString;

use camino::Utf8PathBuf;

/// There is no such folder for this user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither {0} nor HOME is an absolute path")]
pub struct NoFolder(&'static str);

/// What outlives a run and is worth keeping: `$XDG_STATE_HOME/pathlab`, else `~/.local/state/pathlab`. Not created.
///
/// # Errors
/// When neither variable is an absolute path in UTF-8.
pub fn state() -> Result<Utf8PathBuf, NoFolder> {
    folder("XDG_STATE_HOME", ".local/state", &|name| std::env::var_os(name))
}

/// What can be had again, at a price: `$XDG_CACHE_HOME/pathlab`, else `~/.cache/pathlab`. Not created.
///
/// # Errors
/// When neither variable is an absolute path in UTF-8.
pub fn cache() -> Result<Utf8PathBuf, NoFolder> {
    folder("XDG_CACHE_HOME", ".cache", &|name| std::env::var_os(name))
}

fn folder(
    variable: &'static str,
    default: &str,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Utf8PathBuf, NoFolder> {
    let absolute = |name: &str| {
        let path = Utf8PathBuf::from_os_string(environment(name)?).ok()?;
        path.is_absolute().then_some(path)
    };
    let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(default)));
    Ok(base.ok_or(NoFolder(variable))?.join("pathlab"))
}

#[cfg(test)]
mod tests {
    use super::{NoFolder, folder};

    #[test]
    fn absolute_paths_count_only() {
        let found = |variable: Option<&str>, home: Option<&str>| {
            let environment = |name: &str| if name == "HOME" { home } else { variable }.map(Into::into);
            folder("XDG_STATE_HOME", ".local/state", &environment).map(camino::Utf8PathBuf::into_string)
        };
        assert_eq!(found(Some("/state"), Some("/home/me")), Ok("/state/pathlab".to_owned()));
        for none in [None, Some(""), Some("state"), Some("./state")] {
            assert_eq!(found(none, Some("/home/me")), Ok("/home/me/.local/state/pathlab".to_owned()));
            assert_eq!(found(none, none), Err(NoFolder("XDG_STATE_HOME")));
        }
        assert_eq!(NoFolder("XDG_STATE_HOME").to_string(), "neither XDG_STATE_HOME nor HOME is an absolute path");
    }
}
