//! What there is to run: distros from `vm-images/`, scenarios from `scenarios/`.

pub mod at;
pub mod distro;
mod distro_file;
mod distros;
mod expect_file;
pub mod image;
mod known;
mod manifests;
mod many;
pub mod microk8s;
mod name;
mod nodes_file;
mod paths;
mod problem;
mod resolve;
mod root;
pub mod scenario;
pub mod scenario_file;
mod source;
#[cfg(test)]
mod tests;
mod yaml;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

pub use self::{
    distros::Distros,
    problem::CatalogError,
    root::{HOME_VARIABLE, find as find_root},
};
use self::{scenario::Scenario, source::shown};
use crate::suggest;

/// The distros and scenarios of one folder.
#[derive(Clone, Debug)]
pub struct Catalog {
    root: Utf8PathBuf,
    distros: Distros,
    /// Folders of distros that scenarios outside brought along.
    joined: Vec<Utf8PathBuf>,
}

impl Catalog {
    /// Reads the distros of a folder that holds `vm-images` and `scenarios`. Scenarios are read when
    /// they are asked for, so that a broken one is in nobody's way.
    pub fn load(root: &Utf8Path) -> Result<Self, CatalogError> {
        let mut distros = Distros::default();
        distros.add_folder(&root.join("vm-images"))?;
        Ok(Self { root: root.to_owned(), distros, joined: Vec::new() })
    }

    /// Finds the folder ([`find_root`]) and loads it.
    pub fn open() -> Result<Self, CatalogError> {
        Self::load(&root::find()?)
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The distros.
    #[must_use]
    pub const fn distros(&self) -> &Distros {
        &self.distros
    }

    /// The ids of the shipped scenarios, broken ones included, in order.
    pub fn scenario_ids(&self) -> Result<Vec<String>, CatalogError> {
        let folder = self.root.join("scenarios");
        let entries = fs::read_dir(&folder)
            .map_err(|error| CatalogError::new(format!("{}: cannot be listed: {error}", shown(&folder))))?;
        let mut ids: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().join("scenario.yaml").exists())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        ids.sort();
        Ok(ids)
    }

    /// Every shipped scenario, or what is wrong with it, in the order of their ids.
    pub fn scenarios(&self) -> Result<Vec<Result<Arc<Scenario>, CatalogError>>, CatalogError> {
        let folder = self.root.join("scenarios");
        let ids = self.scenario_ids()?;
        Ok(ids.iter().map(|id| resolve::scenario(&self.distros, &folder.join(id)).map(Arc::new)).collect())
    }

    /// A scenario by its id, or by its folder anywhere. Distros in the folder's own `vm-images` join
    /// the catalogue.
    pub fn scenario(&mut self, name: &str) -> Result<Arc<Scenario>, CatalogError> {
        let path = Utf8Path::new(name);
        if self.scenario_ids()?.iter().any(|id| id == name) {
            return resolve::scenario(&self.distros, &self.root.join("scenarios").join(name)).map(Arc::new);
        }
        if !name.is_empty() && (name.contains('/') || path.is_dir()) {
            return self.scenario_of_folder(path);
        }
        let ids = self.scenario_ids()?;
        let help = suggest::help(name, ids.iter().map(String::as_str));
        Err(CatalogError::new(format!("unknown scenario `{name}`")).advice(help))
    }

    fn scenario_of_folder(&mut self, folder: &Utf8Path) -> Result<Arc<Scenario>, CatalogError> {
        if !folder.exists() {
            return Err(CatalogError::new(format!("{folder}: the scenario's folder does not exist")));
        }
        if !folder.is_dir() {
            let error = CatalogError::new(format!("{folder}: is a file, expected a scenario's folder"));
            return Err(error.advice("name the folder that holds `scenario.yaml`"));
        }
        // `.` and `..` have no name of their own, and an id must be the folder's name.
        let folder = folder
            .canonicalize_utf8()
            .map_err(|error| CatalogError::new(format!("{folder}: cannot be opened: {error}")))?;
        if !folder.join("scenario.yaml").exists() {
            let error = CatalogError::new(format!("{}: holds no `scenario.yaml`", shown(&folder)));
            return Err(error.advice("see scenarios/README.md for how to write one"));
        }
        let own = folder.join("vm-images");
        if own.is_dir() && !self.joined.contains(&own) {
            self.distros.add_folder(&own)?;
            self.joined.push(own);
        }
        resolve::scenario(&self.distros, &folder).map(Arc::new)
    }
}
