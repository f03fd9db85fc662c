//! The distros that there are, by id and alias.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::{distro::Distro, distro_file::DistroFile, problem::CatalogError, source::shown};
use crate::suggest;

/// Distros in the order of their ids. No id or alias stands for two of them.
#[derive(Clone, Debug, Default)]
pub struct Distros {
    list: Vec<Arc<Distro>>,
}

impl Distros {
    /// Adds every `*.yaml` file of a folder.
    pub(super) fn add_folder(&mut self, folder: &Utf8Path) -> Result<(), CatalogError> {
        let mut files = distro_files(folder)?;
        files.sort();
        for file in files {
            self.add(DistroFile::read(&file)?)?;
        }
        self.list.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(())
    }

    /// The distro of this id or alias.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Distro>> {
        self.list.iter().find(|distro| distro.id == name || distro.aliases.iter().any(|alias| alias == name))
    }

    /// The distro of this id or alias, or an error that says which there are.
    pub fn named(&self, name: &str) -> Result<&Arc<Distro>, CatalogError> {
        self.get(name).ok_or_else(|| CatalogError::new(format!("unknown distro `{name}`")).advice(self.help(name)))
    }

    /// Help for an unknown name.
    #[must_use]
    pub fn help(&self, name: &str) -> String {
        if let Some(closest) = suggest::closest(name, self.names()) {
            return format!("did you mean `{closest}`? `lab list distros` shows all");
        }
        let ids: Vec<&str> = self.list.iter().map(|distro| distro.id.as_str()).collect();
        format!("there are {}; `lab list distros` shows their aliases", suggest::list(&ids))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Arc<Distro>] {
        &self.list
    }

    /// Every id and alias.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list
            .iter()
            .flat_map(|distro| std::iter::once(distro.id.as_str()).chain(distro.aliases.iter().map(String::as_str)))
    }

    fn add(&mut self, file: DistroFile) -> Result<(), CatalogError> {
        for (name, span) in file.names() {
            if let Some(other) = self.get(name) {
                let message = format!("`{name}` already names the distro {}", other.id);
                return Err(file.source.error(span, message).label("taken").advice("choose another name"));
            }
        }
        self.list.push(Arc::new(file.distro));
        Ok(())
    }
}

fn distro_files(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, CatalogError> {
    let unreadable =
        |error: &std::io::Error| CatalogError::new(format!("{}: cannot be listed: {error}", shown(folder)));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(&error))? {
        let path = entry.map_err(|error| unreadable(&error))?.path();
        if let Ok(path) = Utf8PathBuf::from_path_buf(path)
            && path.extension() == Some("yaml")
        {
            files.push(path);
        }
    }
    Ok(files)
}
