//! Why MicroK8s is not there, or does not do what it is asked.

use std::time::Duration;

use camino::Utf8PathBuf;

use crate::{
    cluster::{ClusterFault, kube::KubeError},
    provider::{MachineError, SendFileError},
};

/// Why MicroK8s is not there, or does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum MicroK8sError {
    /// A command, or the way to the machine.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The cluster's API.
    #[error(transparent)]
    Kube(#[from] KubeError),
    /// Something that was waited for did not come.
    #[error("{machine}: waited {limit:?} for {what}; last: {last}")]
    NotInTime {
        /// Machine name.
        machine: String,
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// What was seen last.
        last: String,
    },
    /// A program said something that is not of its documented shape.
    #[error("{machine}: failed to understand `{command}`: {reason}")]
    NotUnderstood {
        /// Machine name.
        machine: String,
        /// The program with its arguments.
        command: String,
        /// What is wrong with its output; holds no secret.
        reason: String,
    },
    /// MicroK8s is there already, but another one than is asked for.
    #[error(
        "{machine}: MicroK8s {found} is installed and {wanted} is asked for; \
         remove it there (`snap remove --purge microk8s`), or ask for the one that is there"
    )]
    AnotherOne {
        /// Machine name.
        machine: String,
        /// What is asked for.
        wanted: String,
        /// What is there.
        found: String,
    },
    /// There is no MicroK8s, and nothing may be installed.
    #[error("{machine}: MicroK8s is not installed there, and nothing was told to be installed (`--channel`, `--snap`)")]
    NotInstalled {
        /// Machine name.
        machine: String,
    },
    /// The machine's repositories do not lead to snapd.
    #[error(
        "{machine}: snapd needs EPEL there, and that could not be installed: {reason}\n\
         set PATHLAB_EPEL to the file or URL of the `epel-release` package for this release"
    )]
    NoEpel {
        /// Machine name.
        machine: String,
        /// What the package manager said.
        reason: String,
    },
    /// An addon that no repository of this MicroK8s has.
    #[error("{machine}: this MicroK8s has no addon `{addon}`; it has {known}")]
    NoAddon {
        /// Machine name.
        machine: String,
        /// The addon.
        addon: String,
        /// Those that it has.
        known: String,
    },
    /// Files for an installation without network that do not belong together.
    #[error("{0}")]
    SnapFiles(String),
    /// A file of this machine that cannot be read.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// What was about to be added could not be written down; it was not added.
    #[error("{machine}: failed to write down what is added there: {reason}")]
    NotNoted {
        /// Machine name.
        machine: String,
        /// Why.
        reason: String,
    },
    /// Objects of somebody's under the names of ours.
    #[error(
        "{machine}: the cluster has {objects} already, and what is there is not touched; rename what the scenario \
         deploys, or use another cluster"
    )]
    Taken {
        /// Machine name.
        machine: String,
        /// Which.
        objects: String,
    },
    /// The container image is not there after its import.
    #[error("{machine}: containerd does not have {image} after its import: {said}")]
    NotImported {
        /// Machine name.
        machine: String,
        /// The image's full name.
        image: String,
        /// What the import printed.
        said: String,
    },
}

impl From<SendFileError> for MicroK8sError {
    fn from(error: SendFileError) -> Self {
        match error {
            SendFileError::Unreadable { path, reason } => Self::File { path, reason: reason.to_string() },
            SendFileError::Machine(error) => Self::Machine(error),
        }
    }
}

impl ClusterFault for MicroK8sError {
    fn is_transport(&self) -> bool {
        match self {
            Self::Machine(error) => error.is_transport(),
            Self::Kube(error) => error.is_transport(),
            _ => false,
        }
    }
}
