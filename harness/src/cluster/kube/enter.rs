//! The vantage `backend`: an agent that stands in the backend pod's network, started from its node.
//!
//! A scenario's manifests are applied as they are, so that its pods have no socket that leads out of them. On the node,
//! a second agent enters the network namespace of the pod's container and listens on the node; it reads the
//! container's own `resolv.conf`, and says that it is the pod.

use camino::Utf8Path;

use super::{api::KubeApi, error::KubeError};
use crate::{
    cluster::workload::PodAddress,
    model::Vantage,
    provider::{Command, Machine},
};

/// A running container of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningContainer {
    /// Name of the pod.
    pub pod: String,
    /// containerd's id.
    pub id: String,
}

impl RunningContainer {
    /// Where an agent in its network listens, in a folder of its node: an agent beside a container of before may still
    /// listen, and is another one.
    #[must_use]
    pub fn socket(&self, folder: &str, vantage: Vantage) -> String {
        // As `ctr` and `crictl` shorten it; a socket's path has 107 bytes.
        format!("{folder}/{}-{:.12}.sock", vantage.as_str(), self.id)
    }
}

impl KubeApi {
    /// The first running container of a pod of the backend.
    pub async fn running_container(&self, namespace: &str, pod: &PodAddress) -> Result<RunningContainer, KubeError> {
        let name = &pod.name;
        let pods = self.pods(namespace).await?;
        let found = pods.all.iter().find(|known| known.metadata.name.as_ref() == Some(name));
        let statuses = found.and_then(|pod| pod.status.as_ref()?.container_statuses.as_ref());
        let id = statuses.into_iter().flatten().find_map(|status| {
            let running = status.state.as_ref().is_some_and(|state| state.running.is_some());
            status.container_id.as_deref().filter(|_| running)?.strip_prefix("containerd://")
        });
        let missing = || KubeError::Missing(format!("pod {namespace}/{name} has no container that containerd runs"));
        Ok(RunningContainer { pod: name.clone(), id: id.ok_or_else(missing)?.to_owned() })
    }
}

/// The command that starts an agent in a container's network. It goes on until it is ended, and prints
/// [`super::RELAY_READY`] once it listens on `socket`, on the node.
///
/// `ctr` is how containerd of this node is asked, with its namespace: `["ctr", "-a", "/run/c.sock", "-n", "k8s.io"]`, or
/// `["microk8s", "ctr"]`. `agent` is where `lab-agent` lies on the node.
pub async fn agent_in_container(
    machine: &dyn Machine,
    ctr: &[&str],
    container: &RunningContainer,
    agent: &str,
    socket: &Utf8Path,
) -> Result<Command, KubeError> {
    let list = Command::new(ctr.iter().copied().chain(["task", "list"]));
    let output = machine.run(&list).await?.success(machine.name(), &list)?;
    let pid = pid_of(&output.text(), &container.id).ok_or_else(|| {
        KubeError::Missing(format!("containerd on {} runs no container {}", machine.name(), container.id))
    })?;
    let environment = [
        format!("PATHLAB_POD={}", container.pod),
        format!("PATHLAB_NODE={}", machine.name()),
        format!("PATHLAB_RESOLV_CONF=/proc/{pid}/root/etc/resolv.conf"),
    ];
    let enter = ["nsenter", "--target", &pid.to_string(), "--net", "--", "env"].map(str::to_owned);
    let serve = [agent, "serve", "--socket", socket.as_str()].map(str::to_owned);
    Ok(Command::new(enter.into_iter().chain(environment).chain(serve)))
}

/// The process of a container in the answer of `ctr task list`: `TASK PID STATUS`.
fn pid_of(list: &str, id: &str) -> Option<u32> {
    list.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(id)).then(|| words.next()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::pid_of;

    #[test]
    fn the_process_is_that_of_the_container() {
        let list = "TASK      PID       STATUS    \nabc123    4711      RUNNING\nabc       42        RUNNING\n";
        assert_eq!(pid_of(list, "abc"), Some(42));
        assert_eq!(pid_of(list, "TASK"), None);
        assert_eq!(pid_of(list, "ab"), None);
    }
}
