//! Talking to a Kubernetes cluster: apply, wait, read back, delete, through the API of whatever version it has.
//!
//! [`KubeApi`] is the way in. It knows nothing of how a cluster was started; the way to its API server is out of band
//! (see [`Dial`]), so that it works when every path under test is blocked.

mod access;
mod addresses;
mod api;
mod applied;
mod apply;
mod back;
mod delete;
mod dial;
mod document;
mod endpoints;
mod enter;
mod error;
mod events;
mod ingress;
mod inventory;
mod kinds;
mod nodes;
pub mod own;
mod patience;
mod pods;
mod present;
mod progress;
mod protocol;
mod reason;
mod restart;
mod rollout;
mod services;
#[cfg(test)]
mod tests;
mod transport;

pub use self::{
    access::{KubeAccess, kubeconfig},
    addresses::Sought,
    api::{KubeApi, ServerVersion},
    applied::{Applied, AppliedObject},
    apply::FIELD_MANAGER,
    dial::{Dial, MachineDial, RELAY_READY, TcpDial, relay},
    enter::{RunningContainer, agent_in_container},
    error::KubeError,
    inventory::{Inventory, SeenPod, SeenPort, SeenService},
    present::{ObjectName, names as object_names},
    reason::{Reason, Reasons},
};
