//! What there is of MicroK8s on somebody's machine, asked without changing anything.

use std::time::Duration;

use super::{
    added::MICROK8S,
    error::MicroK8sError,
    image_list,
    join::nodes,
    node::Node,
    ready::status,
    snap_list::{self, InstalledSnap},
    status::Status,
};
use crate::{cluster::image::Image, provider::MachineError};

/// How long a node may be away, of which somebody may just have restarted the kubelet or the whole machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A MicroK8s that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The snap.
    pub snap: InstalledSnap,
    /// How it is.
    pub state: FoundState,
    /// Whether containerd has an image under the agent's name.
    pub has_image: bool,
}

/// How a MicroK8s is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundState {
    /// It runs: the names of its enabled addons and of its cluster's nodes.
    Runs {
        /// Addons that are enabled.
        addons: Vec<String>,
        /// Nodes of the cluster, this one among them.
        nodes: Vec<String>,
    },
    /// It is a worker, and only a control plane node knows more.
    Worker,
    /// It cannot be used as it is, for this reason.
    Unusable(String),
}

/// Looks at a machine; none where there is no MicroK8s, or no snapd.
pub async fn look(node: Node<'_>) -> Result<Option<Found>, MicroK8sError> {
    let limits = node.limits();
    let listed = match node.run(&["snap", "list"], limits.question).await {
        Ok(output) if output.ok() => output,
        // snapd is there and does not run: then nothing of it does.
        Ok(_) | Err(MachineError::NotStarted { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let understood = snap_list::parse(&listed.text());
    let snaps = understood.map_err(|reason| node.not_understood(&["snap", "list"], reason))?;
    let Some(snap) = snaps.into_iter().find(|snap| snap.name == MICROK8S) else { return Ok(None) };
    let state = match status(node, PATIENCE).await? {
        Ok(Status::Running(running)) => FoundState::Runs {
            addons: running.addons.iter().filter(|addon| addon.enabled).map(|addon| addon.name.clone()).collect(),
            nodes: nodes(node).await?,
        },
        Ok(Status::Worker) => FoundState::Worker,
        Ok(Status::Stopped) => FoundState::Unusable("MicroK8s is stopped there; `microk8s start` starts it".to_owned()),
        Ok(Status::NotReady(message)) => FoundState::Unusable(format!("MicroK8s is not ready there: {message}")),
        Err(reason) => FoundState::Unusable(format!("`microk8s status` there says nothing of use: {reason}")),
    };
    let has_image = match state {
        FoundState::Unusable(_) => false,
        FoundState::Runs { .. } | FoundState::Worker => {
            let name = Image::agent().full_name();
            node.ask(&["microk8s", "ctr", "image", "list"], |list| image_list::names(list, &name)).await?
        }
    };
    Ok(Some(Found { snap, state, has_image }))
}
