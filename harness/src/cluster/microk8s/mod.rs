//! MicroK8s on machines: Ubuntu, Debian and Enterprise Linux, from a bare system to a ready cluster.
//!
//! Every step looks first whether it is done, so that an installation that was cut off is finished by running it again.
//! Every wait has a limit, and its error says what was waited for and what was seen last. What MicroK8s prints is read
//! by the pure parsers of [`status`], [`snap_list`], [`snap_changes`], [`join_token`], [`mod@ingress`] and [`image_list`].

mod added;
mod additions;
mod addon_pods;
mod admit;
mod boot_time;
mod cluster;
mod deploy;
mod error;
pub mod image_list;
mod images;
pub mod ingress;
mod install;
mod join;
pub mod join_token;
mod kubeconfig;
mod launch_config;
mod limits;
mod logs;
mod look;
mod members;
mod node;
mod ready;
pub mod snap_changes;
mod snap_files;
pub mod snap_list;
mod snapd;
mod source;
mod start;
pub mod status;
mod waiting;

pub use self::{
    added::{Added, remove},
    additions::{Additions, Notes},
    cluster::MicroK8s,
    error::MicroK8sError,
    images::import,
    install::install,
    join::{Role, join, nodes},
    kubeconfig::{API_PORT, Kubeconfig, kubeconfig},
    launch_config::LaunchConfig,
    limits::Limits,
    logs::logs,
    look::{Found, FoundState, look},
    members::{Member, MicroK8sOptions},
    node::Node,
    ready::{enable, ready},
    snap_files::{SnapFile, SnapFiles},
    snapd::prepare as prepare_snapd,
    source::Source,
    start::{AGENT, FOLDERS},
};

pub use crate::catalog::microk8s::Addon;

/// The ingress controller of a cluster; none when it has none.
pub async fn ingress(node: Node<'_>) -> Result<Option<ingress::Ingress>, MicroK8sError> {
    let argv: Vec<&str> = std::iter::once("microk8s").chain(ingress::ARGUMENTS).collect();
    node.ask(&argv, ingress::detect).await
}
