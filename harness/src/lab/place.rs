//! Finding a machine of a lab by a name that says enough. Pure.

use miette::Diagnostic;

use super::described::{ClusterView, Described, MachineView};
use crate::{cluster::PlaceKind, suggest};

/// A machine of a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Index of its cluster.
    pub cluster: usize,
    /// Its index among the cluster's machines.
    pub machine: usize,
    /// Its name in the lab.
    pub name: String,
}

/// A name that is no machine's, or several machines'.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum PlaceError {
    /// No machine's.
    #[error("there is no machine `{name}` in the lab `{lab}`")]
    Unknown {
        /// The name.
        name: String,
        /// The lab's.
        lab: String,
        /// Which there are.
        #[help]
        help: String,
    },
    /// Several machines'.
    #[error("`{name}` stands for several machines of the lab `{lab}`")]
    Several {
        /// The name.
        name: String,
        /// The lab's.
        lab: String,
        /// Which ones.
        #[help]
        help: String,
    },
}

impl Described {
    /// The names of all machines: `DISTRO/MACHINE`, with the state and the scenario in them where it takes them to
    /// tell the clusters apart.
    #[must_use]
    pub fn machines(&self) -> Vec<Found> {
        let clusters = self.clusters.iter().enumerate();
        clusters
            .flat_map(|(index, cluster)| {
                let prefix = self.prefix(cluster);
                cluster.machines.iter().enumerate().map(move |(machine, view)| Found {
                    cluster: index,
                    machine,
                    name: format!("{prefix}/{}", view.name),
                })
            })
            .collect()
    }

    fn prefix(&self, cluster: &ClusterView) -> String {
        if self.clusters.iter().any(|other| other.scenario != cluster.scenario) {
            return format!("{}/{}/{}", cluster.scenario, cluster.distro, cluster.state);
        }
        let same = self.clusters.iter().filter(|other| other.distro == cluster.distro);
        if same.count() > 1 { format!("{}/{}", cluster.distro, cluster.state) } else { cluster.distro.clone() }
    }

    /// The machine of this name. Of `SCENARIO/DISTRO/STATE/NAMESPACE/MACHINE`, as much is needed as tells it apart;
    /// a distro's alias is as good as its id.
    pub fn find(&self, lab: &str, name: &str) -> Result<Found, PlaceError> {
        let all = self.machines();
        if let Some(exact) = all.iter().find(|found| found.name == name) {
            return Ok(exact.clone());
        }
        let words: Vec<&str> = name.split('/').collect();
        let fits = |found: &&Found| {
            let cluster = &self.clusters[found.cluster];
            fits(&words, cluster, &cluster.machines[found.machine])
        };
        let fitting: Vec<&Found> = all.iter().filter(fits).collect();
        let (name, lab) = (name.to_owned(), lab.to_owned());
        match fitting.as_slice() {
            [one] => Ok((*one).clone()),
            [] => {
                let names: Vec<&str> = all.iter().map(|found| found.name.as_str()).collect();
                Err(PlaceError::Unknown { help: suggest::help(&name, names), name, lab })
            }
            several => {
                let names: Vec<&str> = several.iter().map(|found| found.name.as_str()).collect();
                Err(PlaceError::Several { name, lab, help: format!("name one of {}", suggest::list(&names)) })
            }
        }
    }
}

/// Whether words are a part of a machine's full name that ends with its own, in order.
fn fits(words: &[&str], cluster: &ClusterView, machine: &MachineView) -> bool {
    let Some((last, before)) = words.split_last() else { return false };
    let namespace = match &machine.kind {
        PlaceKind::Pod { namespace } => namespace.as_str(),
        PlaceKind::Node | PlaceKind::Outside => "",
    };
    let is_distro = |word: &str| word == cluster.distro || cluster.aliases.iter().any(|alias| alias == word);
    let parts: [&dyn Fn(&str) -> bool; 4] =
        [&|word| word == cluster.scenario, &is_distro, &|word| word == cluster.state, &|word| {
            !word.is_empty() && word == namespace
        }];
    let mut parts = parts.iter();
    *last == machine.name && before.iter().all(|word| parts.any(|part| part(word)))
}

#[cfg(test)]
mod tests {
    use super::{Described, PlaceError};
    use crate::{
        cluster::PlaceKind,
        lab::{ClusterView, MachineView},
        model::{ClusterKind, ProviderKind},
    };

    fn machine(name: &str, kind: PlaceKind) -> MachineView {
        MachineView { name: name.to_owned(), kind, node: Some(0), address: None }
    }

    fn cluster(scenario: &str, distro: &str, state: &str) -> ClusterView {
        let pod = |namespace: &str| machine("zeus-1", PlaceKind::Pod { namespace: namespace.to_owned() });
        ClusterView {
            id: format!("{scenario}::{distro}::{state}"),
            scenario: scenario.to_owned(),
            distro: distro.to_owned(),
            node_distros: vec![distro.to_owned()],
            aliases: vec![distro.split('-').next().unwrap_or_default().to_owned()],
            state: state.to_owned(),
            manifests: Vec::new(),
            machines: vec![machine("node-1", PlaceKind::Node), machine("outside", PlaceKind::Outside), pod("default")],
            node_ips: Vec::new(),
            addresses: crate::cluster::workload::Addresses::default(),
            agents: std::collections::BTreeMap::new(),
            logs: Vec::new(),
            before: crate::run::observation::Before::default(),
        }
    }

    fn lab(clusters: Vec<ClusterView>) -> Described {
        let host = crate::model::report::Host::default();
        Described { provider: ProviderKind::Netns, cluster: ClusterKind::Dataplane, host, clusters }
    }

    fn found(lab: &Described, name: &str) -> Result<String, PlaceError> {
        lab.find("demo", name).map(|found| found.name)
    }

    #[test]
    fn a_name_needs_to_say_no_more_than_it_takes() {
        let one = lab(vec![cluster("s", "rhel-9.5", "as-installed")]);
        for name in ["zeus-1", "rhel/zeus-1", "default/zeus-1", "s/rhel-9.5/as-installed/default/zeus-1"] {
            assert_eq!(found(&one, name), Ok("rhel-9.5/zeus-1".to_owned()), "{name}");
        }
        let states = lab(vec![cluster("s", "rhel-9.5", "as-installed"), cluster("s", "rhel-9.5", "fix")]);
        assert_eq!(found(&states, "fix/node-1"), Ok("rhel-9.5/fix/node-1".to_owned()));
        let scenarios = lab(vec![cluster("s", "rhel-9.5", "fix"), cluster("t", "rhel-9.5", "fix")]);
        assert_eq!(found(&scenarios, "t/outside"), Ok("t/rhel-9.5/fix/outside".to_owned()));
    }

    #[test]
    fn other_names_are_told_with_those_that_there_are() {
        let two = lab(vec![cluster("s", "rhel-9.5", "as-installed"), cluster("s", "ubuntu-22.04", "as-installed")]);
        let several = found(&two, "node-1").expect_err("two of them");
        let help = "name one of rhel-9.5/node-1 and ubuntu-22.04/node-1";
        assert!(matches!(&several, PlaceError::Several { help: said, .. } if said == help), "{several:?}");
        for unknown in ["", "/", "rhel", "rhel/node-2", "node-1/rhel", "fix/node-1", "rhel//node-1"] {
            let error = found(&two, unknown).expect_err(unknown);
            assert!(matches!(&error, PlaceError::Unknown { .. }), "{error:?}");
        }
        let Err(PlaceError::Unknown { help, .. }) = found(&two, "rhel-9.5/node-2") else { panic!("found") };
        assert!(help.starts_with("did you mean `rhel-9.5/node-1`? there are rhel-9.5/node-1, "), "{help}");
    }
}
