//! The embedded cluster's pure half: manifests and nodes in, desired state and program text out.
//!
//! [`compile`] makes a [`ClusterState`]; the modules [`calico`], [`felix`], [`kube_proxy`], [`portmap`], [`nginx`]
//! and [`dnsmasq`] write from it what real programs then load. Nothing here starts a process.

pub mod calico;
mod compile;
pub mod dnsmasq;
pub mod felix;
mod generate;
pub mod iptables;
pub mod kube_proxy;
pub mod layout;
pub mod nginx;
pub mod policies;
pub mod portmap;
mod resolve;
pub mod runtime;
mod schedule;
mod services;
pub mod state;
mod system;
#[cfg(test)]
mod tests;
mod text;

pub use self::{
    compile::{CompileError, Input, compile},
    layout::{Node, NodeSpec},
    runtime::{CheckError, Dataplane, RuntimeError, check},
    state::{ClusterState, Endpoint, Pod, PodRole, Service, ServicePort},
    system::INGRESS_PORT,
};

use super::manifest::Field;

fn field(path: &str) -> Field {
    Field::keys(path)
}
