//! What a cluster of MicroK8s is made of and made with.

use std::{net::IpAddr, sync::Arc};

use super::{Addon, limits::Limits, source::Source};
use crate::{catalog::distro::Distro, cluster::workload::AgentSocket, provider::Machine};

/// One machine of a cluster.
#[derive(Clone)]
pub struct Member {
    /// The machine. Its name is its host name.
    pub machine: Arc<dyn Machine>,
    /// Its address as the other machines reach it.
    pub ip: IpAddr,
    /// Its distribution.
    pub distro: Arc<Distro>,
}

/// How a cluster is made.
#[derive(Clone)]
pub struct MicroK8sOptions {
    /// Where MicroK8s comes from.
    pub source: Source,
    /// Addons that must be enabled.
    pub addons: Vec<Addon>,
    /// The package that brings EPEL, where the machine's own repositories do not know it.
    pub epel: Option<String>,
    /// How long each step may take.
    pub limits: Limits,
    /// The agent outside of the cluster, where there is one.
    pub outside: Option<AgentSocket>,
}
