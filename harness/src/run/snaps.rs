//! Where the MicroK8s of each cluster comes from: as the command line says, else the lock, else the scenario.

use std::collections::BTreeMap;

use crate::{
    catalog::scenario::Scenario,
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
        match &self.files {
            Some(files) => Source::Files(files.clone()),
            None => Source::Store {
                channel: self.channel(&plan.scenario).to_owned(),
                revision: self.revision.or_else(|| self.locked.get(&plan.distro.id).copied()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use camino::Utf8Path;

    use super::Snaps;
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
}
