//! The cluster's own kubeconfig, and where its API server listens.

use std::fmt;

use super::{error::MicroK8sError, node::Node};

/// Port of MicroK8s's API server.
pub const API_PORT: u16 = 16443;

/// A kubeconfig. It holds credentials, so no message shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Kubeconfig(String);

impl Kubeconfig {
    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kubeconfig(…)")
    }
}

/// The kubeconfig of a control plane node, for its loopback address: that is where a relay on the node leads, and the
/// server's certificate has it, whichever address the node has later.
pub async fn kubeconfig(node: Node<'_>) -> Result<Kubeconfig, MicroK8sError> {
    node.ask(&["microk8s", "config", "--use-loopback"], |text| {
        if !text.contains("clusters:") {
            // The text of a worker, or half a file: neither may be shown.
            return Err("it is no kubeconfig; is this a control plane node?".to_owned());
        }
        Ok(Kubeconfig(text.to_owned()))
    })
    .await
}
