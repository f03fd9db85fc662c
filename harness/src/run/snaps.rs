//! Where the MicroK8s of each cluster comes from: as the command line says, else the lock, else the scenario.

use std::collections::BTreeMap;

use crate::{
    catalog::{microk8s::Release, scenario::Scenario},
    cluster::microk8s::{SnapFiles, Source},
    plan::ClusterPlan,
};

/// The channel when nothing is said.
const CHANNEL: &str = "1.32/stable";

/// Where the MicroK8s of each cluster comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snaps {
    /// Files, for machines without network.
    pub files: Option<SnapFiles>,
    /// What this host has downloaded for all machines.
    pub downloaded: BTreeMap<Release, SnapFiles>,
    /// The channel that the command line names.
    pub channel: Option<String>,
    /// The revision that the command line names.
    pub revision: Option<u32>,
    /// The revision that is locked for each distro, by its id.
    pub locked: BTreeMap<String, u32>,
}

impl Snaps {
    /// The channel for a scenario's clusters.
    #[must_use]
    pub fn channel<'a>(&'a self, scenario: &'a Scenario) -> &'a str {
        self.channel.as_deref().or(scenario.microk8s.channel.as_deref()).unwrap_or(CHANNEL)
    }

    /// Where the MicroK8s of a cluster comes from.
    #[must_use]
    pub fn source(&self, plan: &ClusterPlan) -> Source {
        if let Some(files) = self.files.as_ref().or_else(|| self.downloaded.get(&self.release(plan))) {
            return Source::Files(files.clone());
        }
        let channel = self.channel(&plan.scenario).to_owned();
        Source::Store { channel, revision: self.revision_of(plan) }
    }

    /// Which MicroK8s of the store is a cluster's, where it has none from files.
    #[must_use]
    pub fn release(&self, plan: &ClusterPlan) -> Release {
        match self.revision_of(plan) {
            Some(revision) => Release::Revision(revision),
            None => Release::Channel(self.channel(&plan.scenario).to_owned()),
        }
    }

    fn revision_of(&self, plan: &ClusterPlan) -> Option<u32> {
        self.revision.or_else(|| self.locked.get(&plan.distro.id).copied())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use camino::Utf8Path;

    use super::{Release, SnapFiles, Snaps};
    use crate::{
        catalog::{Catalog, microk8s::MicroK8sChoice, scenario::Scenario},
        plan::{Selection, plan},
    };

    #[test]
    fn the_command_line_counts_more_than_the_lock_and_that_more_than_the_channel() {
        let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        let seed = Catalog::load(root).and_then(|mut catalog| catalog.scenario("pod-ip-502")).expect("shipped");
        let microk8s = MicroK8sChoice { channel: Some("1.31/stable".to_owned()), ..MicroK8sChoice::default() };
        let other = Arc::new(Scenario { microk8s, ..(*seed).clone() });
        let source = |scenario: &Arc<Scenario>, snaps: &Snaps| {
            let plan = plan(&[Arc::clone(scenario)], &Selection::default()).expect("a plan");
            snaps.source(&plan.clusters[0]).to_string()
        };
        let mut snaps = Snaps::default();
        assert_eq!(source(&seed, &snaps), "1.32/stable");
        assert_eq!(source(&other, &snaps), "1.31/stable");
        snaps.locked.insert("rhel-9.5".to_owned(), 7000);
        assert_eq!(source(&other, &snaps), "1.31/stable revision 7000");
        snaps.channel = Some("1.33/edge".to_owned());
        assert_eq!(source(&other, &snaps), "1.33/edge revision 7000");
        snaps.revision = Some(8000);
        assert_eq!(source(&other, &snaps), "1.33/edge revision 8000");
    }

    #[test]
    fn a_cluster_has_the_files_of_its_release() {
        let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        let seed = Catalog::load(root).and_then(|mut catalog| catalog.scenario("pod-ip-502")).expect("shipped");
        let plan = plan(&[seed], &Selection::default()).expect("a plan");
        let folder = tempfile::tempdir().expect("a folder");
        let files = |microk8s: &str| {
            let paths = [microk8s, "core20_1", "snapd_1"].map(|name| {
                let path = Utf8Path::from_path(folder.path()).expect("UTF-8").join(format!("{name}.snap"));
                fs_err::write(&path, "")
                    .and_then(|()| fs_err::write(path.with_extension("assert"), ""))
                    .expect("written");
                path
            });
            SnapFiles::find(&paths).expect("complete")
        };
        let downloaded = [
            (Release::Channel("1.32/stable".to_owned()), files("microk8s_1")),
            (Release::Revision(7000), files("microk8s_7000")),
        ];
        let mut snaps = Snaps { downloaded: downloaded.into(), ..Snaps::default() };
        assert_eq!(snaps.source(&plan.clusters[0]).to_string(), "revision 1");
        snaps.locked.insert("rhel-9.5".to_owned(), 7000);
        assert_eq!(snaps.source(&plan.clusters[0]).to_string(), "revision 7000");
        snaps.channel = Some("1.33/stable".to_owned());
        assert_eq!(snaps.source(&plan.clusters[0]).to_string(), "revision 7000");
        snaps.locked.clear();
        assert_eq!(snaps.source(&plan.clusters[0]).to_string(), "1.33/stable", "it was not downloaded");
    }
}
