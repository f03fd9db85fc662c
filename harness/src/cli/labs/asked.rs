//! How a lab was asked for, as its ledger keeps it: its plan can be made again from that.

use camino::{Utf8Path, Utf8PathBuf};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{
    args::SelectionArgs,
    failure::Failure,
    lab_args::LabArgs,
    lock::Locking,
    run::recipe,
    select::{Selected, select_in},
    snap_downloads,
};
use crate::{
    catalog::Catalog,
    lab::Lab,
    plan::{ClusterPlan, Plan},
    run::Recipe,
};

/// How a lab was asked for. Paths are absolute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Asked {
    /// The folder that holds scenarios and distros.
    root: Utf8PathBuf,
    scenarios: Vec<String>,
    distros: Vec<String>,
    remedies: Vec<String>,
    filters: Vec<String>,
    shard: Option<String>,
    times: Option<Utf8PathBuf>,
    /// What it is made of.
    #[serde(flatten)]
    lab: LabArgs,
    /// One cluster per scenario and distro, with the remedy where it is for the distro.
    one_state: bool,
}

/// A lab that is not what its files say any more, or never was.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum AskedError {
    /// The details in the ledger.
    #[error("the ledger does not say how the lab `{0}` was asked for")]
    #[diagnostic(help("end it with `lab down`, and make it again"))]
    Details(String),
    /// Its machines would be on several hosts.
    #[error("a lab that stays up lives on one host: `--libvirt-uri` names several")]
    #[diagnostic(help("name one; `lab run` without `--keep` uses all"))]
    Hosts,
    /// The manifests have changed.
    #[error("{file} has changed since the lab `{lab}` was made")]
    #[diagnostic(help("make the lab again: `lab down {lab}`, then `lab up {lab}`"))]
    Changed {
        /// The manifest.
        file: String,
        /// The lab.
        lab: String,
    },
}

impl Asked {
    /// What the command line selects.
    pub(in crate::cli) fn new(args: &SelectionArgs, one_state: bool) -> Result<Self, Failure> {
        if args.lab.whole.libvirt_uris.len() > 1 {
            return Err(Failure::input(AskedError::Hosts));
        }
        let catalog = Catalog::open().map_err(Failure::input)?;
        let shipped = catalog.scenario_ids().map_err(Failure::input)?;
        let absolute = |name: &String| {
            let folder = (!shipped.contains(name)).then(|| Utf8Path::new(name).canonicalize_utf8().ok()).flatten();
            folder.map_or_else(|| name.clone(), Utf8PathBuf::into_string)
        };
        // An alias stands for its distro; one that a scenario brings along is known later.
        let id = |name: &String| catalog.distros().get(name).map_or_else(|| name.clone(), |distro| distro.id.clone());
        Ok(Self {
            root: catalog.root().canonicalize_utf8().unwrap_or_else(|_| catalog.root().to_owned()),
            scenarios: args.scenarios.iter().map(absolute).collect(),
            distros: args.distros.iter().map(id).collect(),
            remedies: args.remedies.clone(),
            filters: args.filters.clone(),
            shard: args.shard.map(|shard| shard.to_string()),
            times: args.times.as_ref().map(|file| file.canonicalize_utf8().unwrap_or_else(|_| file.clone())),
            lab: args.lab.absolute(),
            one_state,
        })
    }

    /// Insists on the revisions that are locked.
    pub(in crate::cli) fn pin(&mut self, locking: &Locking, selected: &Selected) {
        locking.pin(selected, &mut self.lab.whole);
    }

    /// Downloads the snaps for all machines, where that is asked for. The lab's keeper has these files.
    pub(in crate::cli) fn download_snaps(&mut self, selected: &Selected) -> Result<(), Failure> {
        snap_downloads::download(selected, &mut self.lab.whole)
    }

    /// What makes its clusters.
    pub(in crate::cli) fn recipe(&self, selected: &Selected) -> Result<Recipe, Failure> {
        recipe(selected, &self.lab)
    }

    /// Makes the plan.
    pub(in crate::cli) fn selected(&self) -> Result<Selected, Failure> {
        let args = SelectionArgs {
            distros: self.distros.clone(),
            scenarios: self.scenarios.clone(),
            lab: self.lab.clone(),
            remedies: self.remedies.clone(),
            filters: self.filters.clone(),
            shard: self.shard.as_ref().and_then(|shard| shard.parse().ok()),
            times: self.times.clone(),
        };
        let catalog = Catalog::load(&self.root).map_err(Failure::input)?;
        let mut selected = select_in(catalog, &args)?;
        if self.one_state {
            one_state(&mut selected.plan);
        }
        Ok(selected)
    }

    /// How a lab that is up was asked for.
    pub(in crate::cli) fn of(lab: &Lab) -> Result<Self, Failure> {
        let asked = serde_json::from_value(lab.record.about.details.clone());
        asked.map_err(|_| Failure::lab(AskedError::Details(lab.record.name.to_string())))
    }

    /// The plan of a lab that is up, as its files are now: cases and expectations may have changed, what was
    /// deployed may not.
    pub(in crate::cli) fn still(lab: &Lab) -> Result<Selected, Failure> {
        let mut selected = Self::of(lab)?.selected()?;
        selected.plan.clusters.retain(|cluster| lab.cluster(&cluster.id()).is_some());
        for cluster in &selected.plan.clusters {
            let deployed = lab.cluster(&cluster.id()).map(|(view, _)| view.manifests.as_slice()).unwrap_or_default();
            let changed = |path: &Utf8PathBuf, sha256: &String| {
                !deployed.iter().any(|(name, digest)| name == path && digest == sha256)
            };
            if let Some(manifest) = cluster.scenario.manifests.iter().find(|one| changed(&one.path, &one.sha256)) {
                let file = format!("{}/{}", cluster.scenario.id, manifest.path);
                return Err(Failure::input(AskedError::Changed { file, lab: lab.record.name.to_string() }));
            }
        }
        Ok(selected)
    }
}

/// Of the clusters with and without a remedy, the one with it where there is one.
fn one_state(plan: &mut Plan) {
    let mut kept: Vec<ClusterPlan> = Vec::new();
    for cluster in std::mem::take(&mut plan.clusters) {
        let same =
            |other: &&mut ClusterPlan| other.scenario.id == cluster.scenario.id && other.distro.id == cluster.distro.id;
        match kept.iter_mut().find(same) {
            Some(earlier) => *earlier = cluster,
            None => kept.push(cluster),
        }
    }
    plan.clusters = kept;
}

/// The plan of a lab, and what makes it, from the details in its ledger, for its keeper. Problems with files go to its
/// log.
pub fn planned(details: &Value) -> Result<(Plan, Recipe), String> {
    let asked: Asked = serde_json::from_value(details.clone()).map_err(|error| error.to_string())?;
    match asked.selected().and_then(|selected| Ok((asked.recipe(&selected)?, selected))) {
        Ok((recipe, selected)) => Ok((selected.plan, recipe)),
        Err(failure) => {
            let _ = failure.report();
            Err("its files cannot be read any more".to_owned())
        }
    }
}
