//! Why a cluster of real Kubernetes could not be made.

use std::{io, time::Duration};

use crate::{
    cluster::{ClusterFault, kube::KubeError, manifest::ManifestErrors},
    probe::ProbeError,
    provider::{MachineError, netns::SandboxError},
};

/// Why a cluster of real Kubernetes could not be made.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A machine.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The API.
    #[error(transparent)]
    Kube(#[from] KubeError),
    /// The API, with what its component printed last.
    #[error("{source}; {component} printed: {printed}")]
    Component {
        /// What went wrong.
        #[source]
        source: KubeError,
        /// Which component.
        component: &'static str,
        /// Its last lines.
        printed: String,
    },
    /// A component that is to run as long as the cluster does.
    #[error("{component} on {machine} has ended; it printed last: {printed}")]
    Ended {
        /// Which component.
        component: &'static str,
        /// Where.
        machine: String,
        /// Its last lines.
        printed: String,
    },
    /// The manifests.
    #[error(transparent)]
    Manifests(#[from] ManifestErrors),
    /// Something that this kind of cluster does not have.
    #[error("{0}")]
    Unsupported(String),
    /// An image could not be written.
    #[error("failed to make the image of {program}: {source}")]
    Image {
        /// What it is to hold.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A key could not be made.
    #[error("failed to make a key: {0}")]
    Key(String),
    /// An agent.
    #[error(transparent)]
    Agent(#[from] ProbeError),
    /// Something did not come up.
    #[error("{what} on {machine} was not ready within {limit:?}: {last}")]
    NotReady {
        /// What was waited for.
        what: &'static str,
        /// Where.
        machine: String,
        /// How long.
        limit: Duration,
        /// What was seen last.
        last: String,
    },
}

impl ClusterFault for KubernetesError {
    fn is_transport(&self) -> bool {
        match self {
            Self::Sandbox(error) => error.is_transport(),
            Self::Machine(error) => error.is_transport(),
            Self::Kube(error) => error.is_transport(),
            // A node that never came up, or not all of it, is one that could not be made.
            Self::Component { source: KubeError::NodesNotReady { .. }, .. } | Self::Ended { .. } => true,
            _ => false,
        }
    }
}
