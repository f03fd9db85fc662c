//! Looking at all hosts before anything is done: what they are, what runs there, what differs from their distro.

use std::sync::Arc;

use futures_util::future::join_all;
use miette::Diagnostic;

use super::recipe::ExistingRecipe;
use crate::{
    catalog::distro::Distro,
    cluster::microk8s::{Found, FoundState, Limits, MicroK8sError, Node, look},
    diagnose::evidence::redact,
    policy,
    provider::{
        Machine as _, MachineError,
        command_log::CommandLog,
        existing::{ExistingError, ExistingHost, Likeness, find},
        ssh::Destination,
    },
};

/// All hosts, as they were found.
pub struct Survey {
    /// The machines of clusters, in the order in which they were named.
    pub hosts: Vec<Surveyed>,
    /// The host outside.
    pub outside: Option<Arc<ExistingHost>>,
}

/// A host, as it was found.
pub struct Surveyed {
    /// What it was said to be.
    pub distro: Arc<Distro>,
    /// The host.
    pub host: Arc<ExistingHost>,
    /// The MicroK8s that is there.
    pub found: Option<Found>,
    /// What differs from a normal installation of its distro.
    pub drift: Vec<String>,
    /// What of that installation holds.
    pub holds: Vec<String>,
}

/// Why hosts cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SurveyError {
    /// One of them.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Host(#[from] ExistingError),
    /// A question failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// What MicroK8s says.
    #[error(transparent)]
    MicroK8s(#[from] MicroK8sError),
    /// The log of commands.
    #[error("failed to open the log of commands: {0}")]
    Log(std::io::Error),
    /// A distro without host.
    #[error("no host is named for {distro}")]
    #[diagnostic(help("name one: `--host {distro}=[USER@]HOST[:PORT]`"))]
    NoHost {
        /// Its id.
        distro: String,
    },
    /// One machine under two names.
    #[error("{first} and {second} are the same machine, {hostname}")]
    #[diagnostic(help("name each host once"))]
    Twice {
        /// The one.
        first: Destination,
        /// The other.
        second: Destination,
        /// Its host name.
        hostname: String,
    },
    /// Two machines of one name.
    #[error("{first} and {second} are both called {hostname}")]
    #[diagnostic(help("hosts are told apart by their host names: give one another, with `hostnamectl hostname NAME`"))]
    Namesakes {
        /// The one.
        first: Destination,
        /// The other.
        second: Destination,
        /// Their host name.
        hostname: String,
    },
    /// Nothing to run on.
    #[error("{destination} has no MicroK8s, and nothing was told to be installed")]
    #[diagnostic(help("`--install` installs it for the run, and removes it afterwards"))]
    NoMicroK8s {
        /// Which host.
        destination: Destination,
    },
    /// A MicroK8s that cannot be used.
    #[error("{destination}: {reason}")]
    Unusable {
        /// Which host.
        destination: Destination,
        /// Why.
        reason: String,
    },
    /// A cluster with more nodes, or fewer, than hosts were named.
    #[error("the cluster of {destination} has the nodes {nodes}, and the hosts named for {distro} are {hosts}")]
    #[diagnostic(help("name every node of a cluster with `--host`, and nothing else: pods may run on any of them"))]
    Nodes {
        /// Where the cluster was asked.
        destination: Destination,
        /// The distro.
        distro: String,
        /// Names of the nodes.
        nodes: String,
        /// Names of the hosts.
        hosts: String,
    },
}

impl SurveyError {
    /// Whether it is the command line that is wrong about a host, not the host or the way there.
    #[must_use]
    pub const fn is_input(&self) -> bool {
        match self {
            Self::Host(error) => matches!(error, ExistingError::Another { .. } | ExistingError::Configuration(_)),
            Self::NoHost { .. }
            | Self::Twice { .. }
            | Self::Namesakes { .. }
            | Self::NoMicroK8s { .. }
            | Self::Nodes { .. } => true,
            Self::Machine(_) | Self::MicroK8s(_) | Self::Log(_) | Self::Unusable { .. } => false,
        }
    }
}

/// Looks at all hosts. Nothing is changed, on any of them.
///
/// What is asked is written to the recipe's log.
pub async fn survey(recipe: &ExistingRecipe) -> Result<Survey, SurveyError> {
    let log = recipe.log.as_deref().map(|path| CommandLog::to_file(path, |text| redact(text).0)).transpose();
    let log = log.map_err(SurveyError::Log)?;
    let hosts = recipe.hosts.iter().map(|(distro, destination)| one(destination, distro, log.as_ref()));
    // All of them, so that nothing of one is cut off when another fails.
    let hosts = join_all(hosts).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let outside = match &recipe.outside {
        Some(destination) => Some(Arc::new(find(destination, None, log.as_ref()).await?)),
        None => None,
    };
    let survey = Survey { hosts, outside };
    survey.each_once()?;
    for (distro, _) in &recipe.hosts {
        survey.check(distro, recipe)?;
    }
    Ok(survey)
}

async fn one(
    destination: &Destination,
    distro: &Arc<Distro>,
    log: Option<&Arc<CommandLog>>,
) -> Result<Surveyed, SurveyError> {
    let host = find(destination, Some(distro), log).await?;
    let limits = Limits::default();
    let (found, verified) =
        tokio::join!(look(Node::new(&host, &limits)), policy::verify_existing(&host, &distro.policy));
    let policy::Verified { holds, mut drift, .. } = verified?;
    let os = &host.facts().os;
    if os.likeness(distro) == Likeness::OtherMinor {
        drift.insert(0, format!("the release is {}, not {}", os.title, distro.title));
    }
    Ok(Surveyed { distro: Arc::clone(distro), found: found?, host: Arc::new(host), drift, holds })
}

impl Survey {
    /// The hosts of a distro.
    pub fn of<'a>(&'a self, distro: &'a str) -> impl Iterator<Item = &'a Surveyed> + Clone {
        self.hosts.iter().filter(move |one| one.distro.id == distro)
    }

    fn each_once(&self) -> Result<(), SurveyError> {
        let all: Vec<&Arc<ExistingHost>> = self.hosts.iter().map(|one| &one.host).chain(&self.outside).collect();
        for (at, second) in all.iter().enumerate() {
            let same = |first: &&&Arc<ExistingHost>| first.facts().hostname == second.facts().hostname;
            if let Some(first) = all[..at].iter().find(same) {
                let is_one = first.facts().address == second.facts().address;
                let (first, second) = (first.destination().clone(), second.destination().clone());
                let hostname = all[at].facts().hostname.clone();
                return Err(if is_one {
                    SurveyError::Twice { first, second, hostname }
                } else {
                    SurveyError::Namesakes { first, second, hostname }
                });
            }
        }
        Ok(())
    }

    /// Whether the hosts of a distro can be a cluster, with what may be installed.
    fn check(&self, distro: &Distro, recipe: &ExistingRecipe) -> Result<(), SurveyError> {
        let hosts: Vec<&Surveyed> = self.of(&distro.id).collect();
        for one in &hosts {
            let destination = one.host.destination().clone();
            match &one.found {
                None if recipe.consent.install => {}
                None => return Err(SurveyError::NoMicroK8s { destination }),
                Some(Found { state: FoundState::Unusable(reason), .. }) => {
                    return Err(SurveyError::Unusable { destination, reason: reason.clone() });
                }
                Some(_) => {}
            }
        }
        let Some(first) = hosts.first() else { return Ok(()) };
        let names: Vec<&str> = hosts.iter().map(|one| one.host.name()).collect();
        let destination = first.host.destination().clone();
        match &first.found {
            Some(Found { state: FoundState::Runs { nodes, .. }, .. }) if same(nodes, &names) => Ok(()),
            Some(Found { state: FoundState::Runs { nodes, .. }, .. }) => Err(SurveyError::Nodes {
                destination,
                distro: distro.id.clone(),
                nodes: nodes.join(", "),
                hosts: names.join(", "),
            }),
            Some(_) => {
                let reason = "is a worker; name a node with a control plane first".to_owned();
                Err(SurveyError::Unusable { destination, reason })
            }
            // All of them are to be installed, or none.
            None => match hosts.iter().find(|one| one.found.is_some()) {
                Some(other) => {
                    let reason = format!("has a MicroK8s, and {destination}, which is named before it, has none");
                    Err(SurveyError::Unusable { destination: other.host.destination().clone(), reason })
                }
                None => Ok(()),
            },
        }
    }
}

fn same(nodes: &[String], names: &[&str]) -> bool {
    nodes.len() == names.len() && nodes.iter().all(|node| names.iter().any(|name| name.eq_ignore_ascii_case(node)))
}

impl Surveyed {
    /// Addons that are enabled there.
    #[must_use]
    pub fn addons(&self) -> &[String] {
        match &self.found {
            Some(Found { state: FoundState::Runs { addons, .. }, .. }) => addons,
            _ => &[],
        }
    }
}
