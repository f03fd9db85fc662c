//! Why a cluster could not do what was asked, in the server's own words.

use std::{fmt, time::Duration};

use miette::Diagnostic;

use super::reason::Reasons;
use crate::{causes, cluster::manifest::ManifestErrors, provider::MachineError};

/// Why a cluster could not do what was asked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum KubeError {
    /// The kubeconfig.
    #[error("the kubeconfig cannot be used: {reason}")]
    Kubeconfig {
        /// What is wrong with it; holds no secret.
        reason: String,
    },
    /// The API server did not become ready.
    #[error("the API server was not ready within {limit:?}: {last}")]
    NotReady {
        /// How long was waited.
        limit: Duration,
        /// What was seen last.
        last: String,
    },
    /// A request failed.
    #[error("failed to {what}: {reason}")]
    Request {
        /// What was asked for.
        what: String,
        /// What the server or the transport said.
        reason: String,
    },
    /// Manifests that are wrong, or that the server refused, each with its place.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(#[from] ManifestErrors),
    /// Nodes did not become ready.
    #[error("the nodes were not ready within {limit:?}: {last}")]
    NodesNotReady {
        /// How long was waited.
        limit: Duration,
        /// The nodes that are not, with the kubelet's reason.
        last: String,
    },
    /// Something that was applied did not come up.
    #[error("{what} did not come up within {waited:?}: {state}{reasons}")]
    NotRolledOut {
        /// Kind, namespace and name.
        what: String,
        /// How long was waited; less than the limit when waiting on could not help.
        waited: Duration,
        /// How far it came.
        state: String,
        /// What its pods and events say.
        reasons: Box<Reasons>,
    },
    /// The backend or something else that a scenario needs is not in the cluster.
    #[error("{0}")]
    Missing(String),
    /// Something did not go away.
    #[error("{what} still exists after {limit:?}{}", .why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    NotDeleted {
        /// What is still there.
        what: String,
        /// How long was waited.
        limit: Duration,
        /// What holds it.
        why: Option<String>,
    },
    /// Several things failed; all were tried.
    #[error("{}", Listed(.0))]
    Several(Vec<Self>),
    /// A machine.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

struct Listed<'a>(&'a [KubeError]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} errors", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n{error}"))
    }
}

impl KubeError {
    /// Whether the way to a machine failed, which says nothing about the cluster.
    #[must_use]
    pub const fn is_transport(&self) -> bool {
        matches!(self, Self::Machine(error) if error.is_transport())
    }
}

/// What the server said, else what the transport said, with every cause.
pub(super) fn said(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        let code = if status.code == 0 { String::new() } else { format!(" ({})", status.code) };
        let message = if status.message.is_empty() { &status.reason } else { &status.message };
        return format!("{message}{code}");
    }
    causes::line(error)
}

/// The HTTP status of an answer; none when there was no answer.
pub(super) fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// Whether the thing does not exist.
pub(super) fn is_absent(error: &kube::Error) -> bool {
    code(error) == Some(404)
}
