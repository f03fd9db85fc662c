//! Images of the user's own: named on the command line or in the environment.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::catalog::distro::Distro;

/// The user's own files.
#[derive(Clone, Debug, Default)]
pub struct OwnImages {
    /// By id or alias of the distro.
    named: BTreeMap<String, Utf8PathBuf>,
}

impl OwnImages {
    /// Those of the command line (distro and file); the environment is asked when an image is.
    #[must_use]
    pub fn new(named: impl IntoIterator<Item = (String, Utf8PathBuf)>) -> Self {
        Self { named: named.into_iter().collect() }
    }

    /// The file for a distro and who named it. The command line goes before the environment.
    pub(super) fn of(&self, distro: &Distro) -> Option<(Utf8PathBuf, String)> {
        let names = || std::iter::once(&distro.id).chain(&distro.aliases);
        if let Some((name, path)) = names().find_map(|name| self.named.get_key_value(name)) {
            return Some((path.clone(), format!("`--image {name}=`")));
        }
        let variable = variable(distro);
        let value = std::env::var(&variable).ok().filter(|value| !value.is_empty())?;
        Some((value.into(), variable))
    }
}

/// The environment variable that names the user's own image: `PATHLAB_RHEL_IMAGE`, by the distro's first alias.
#[must_use]
pub fn variable(distro: &Distro) -> String {
    let name = distro.aliases.first().unwrap_or(&distro.id);
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("PATHLAB_{name}_IMAGE")
}
