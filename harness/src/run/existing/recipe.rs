//! Which hosts are used, and what may be done to them: data only.

use std::sync::Arc;

use camino::Utf8PathBuf;

use crate::{
    catalog::{distro::Distro, microk8s::Addon},
    provider::ssh::Destination,
    run::snaps::Snaps,
};

/// Hosts that exist, and what may be done to them.
#[derive(Clone, Debug, PartialEq)]
pub struct ExistingRecipe {
    /// The hosts with their distros, in the order in which they were named: the first of a distro is where
    /// its cluster is asked.
    pub hosts: Vec<(Arc<Distro>, Destination)>,
    /// A host outside of the clusters, from which they are looked at.
    pub outside: Option<Destination>,
    /// What may be done.
    pub consent: Consent,
    /// Where MicroK8s comes from, where it may be installed.
    pub snaps: Snaps,
    /// The addons that any of the scenarios needs.
    pub addons: Vec<Addon>,
    /// The package that brings EPEL, where the hosts' own repositories do not know it.
    pub epel: Option<String>,
    /// Where every command that is run on a host is written down.
    pub log: Option<Utf8PathBuf>,
}

/// What may be done to hosts beside what the end of the run takes away again by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// Install MicroK8s where there is none, and enable addons.
    pub install: bool,
    /// Run the lines of conditions, and of one remedy. Nothing undoes them.
    pub changes: bool,
}
