//! `/etc/os-release`, and whether it says what a distro's file is about. Pure.

use crate::catalog::distro::Distro;

/// What a system says that it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `ID`: `rhel`, `ubuntu`.
    pub id: String,
    /// `VERSION_ID`: `9.5`, `22.04`; empty for rolling releases.
    pub version: String,
    /// `PRETTY_NAME`, for people.
    pub title: String,
}

/// How a system stands to the distro that it is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// It is that release.
    Same,
    /// It is another minor release: close enough to look at, and to be told.
    OtherMinor,
    /// It is another system.
    Another,
}

impl OsRelease {
    /// Reads the file's text. What is not there is empty.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
        };
        let (id, version) = (value("ID"), value("VERSION_ID"));
        let title = Some(value("PRETTY_NAME")).filter(|title| !title.is_empty());
        let title = title.unwrap_or_else(|| format!("{id} {version}").trim().to_owned());
        Self { id, version, title }
    }

    /// Compares with a distro by its id, which is `ID-VERSION_ID`.
    #[must_use]
    pub fn likeness(&self, distro: &Distro) -> Likeness {
        let Some((name, version)) = distro.id.rsplit_once('-') else { return Likeness::Another };
        // CentOS Stream says `centos`.
        let name = name.strip_suffix("-stream").unwrap_or(name);
        if self.id != name {
            return Likeness::Another;
        }
        let major = |version: &str| version.split('.').next().map(str::to_owned);
        match () {
            () if self.version == version => Likeness::Same,
            // Enterprise Linux keeps its major release compatible; Ubuntu's 22.04 and 22.10 are two.
            () if major(&self.version) == major(version) && self.id != "ubuntu" => Likeness::OtherMinor,
            () => Likeness::Another,
        }
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::{Likeness, OsRelease};
    use crate::catalog::Catalog;

    const RHEL: &str = "NAME=\"Red Hat Enterprise Linux\"\nVERSION=\"9.5 (Plow)\"\nID=\"rhel\"\n\
        ID_LIKE=\"fedora\"\nVERSION_ID=\"9.5\"\nPRETTY_NAME=\"Red Hat Enterprise Linux 9.5 (Plow)\"\n";

    #[test]
    fn a_release_is_recognised() {
        let catalog = Catalog::load(&Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).expect("the library");
        let like = |text: &str, distro: &str| {
            OsRelease::parse(text).likeness(catalog.distros().named(distro).expect("in the catalogue"))
        };
        assert_eq!(OsRelease::parse(RHEL).title, "Red Hat Enterprise Linux 9.5 (Plow)");
        assert_eq!(like(RHEL, "rhel"), Likeness::Same);
        assert_eq!(like(&RHEL.replace("9.5", "9.4"), "rhel"), Likeness::OtherMinor);
        assert_eq!(like(&RHEL.replace("9.5", "8.10"), "rhel"), Likeness::Another);
        assert_eq!(like(RHEL, "rocky"), Likeness::Another);
        assert_eq!(like("ID=rocky\nVERSION_ID='9.5'\n", "rocky"), Likeness::Same);
        assert_eq!(like("ID=\"centos\"\nVERSION_ID=\"9\"\n", "centos-stream-9"), Likeness::Same);
        assert_eq!(like("ID=ubuntu\nVERSION_ID=\"22.04\"\n", "ubuntu"), Likeness::Same);
        assert_eq!(like("ID=ubuntu\nVERSION_ID=\"22.10\"\n", "ubuntu"), Likeness::Another);
        assert_eq!(like("", "ubuntu"), Likeness::Another);
    }
}
