//! The probing pods, one per vantage inside of the cluster.

use serde_json::{Value, json};

use super::{agent, agent_volume, manifest, namespace, pod_spec, socket};
use crate::{catalog::scenario::Manifest, model::Vantage};

/// Namespace of the probing pods.
const NAMESPACE: &str = "pathlab";

/// A probing pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prober {
    /// Which vantage it is.
    pub vantage: Vantage,
    /// Its name.
    pub pod: String,
    /// Name of its node.
    pub node: String,
    /// Distro of that node, for what its agent says of itself.
    pub distro: String,
}

impl Prober {
    /// The probers of a cluster: beside the backend, and on the first other node where there is one. `nodes` are names
    /// with distro ids, in the harness's order.
    #[must_use]
    pub fn of(nodes: &[(String, String)], backend_node: usize) -> Vec<Self> {
        let prober = |vantage, pod: &str, (node, distro): &(String, String)| Self {
            vantage,
            pod: pod.to_owned(),
            node: node.clone(),
            distro: distro.clone(),
        };
        let local = nodes.get(backend_node).map(|node| prober(Vantage::Pod, "probe-local", node));
        let mut others = nodes.iter().enumerate().filter(|(index, _)| *index != backend_node);
        let remote = others.next().map(|(_, node)| prober(Vantage::RemotePod, "probe-remote", node));
        local.into_iter().chain(remote).collect()
    }

    /// On its node, its agent's socket.
    #[must_use]
    pub fn socket(&self) -> camino::Utf8PathBuf {
        socket(&self.pod)
    }
}

/// The probing pods as a manifest, with their namespace.
#[must_use]
pub fn probers(all: &[Prober]) -> Manifest {
    let pod = |Prober { pod, node, distro, .. }: &Prober| {
        let spec = pod_spec(node, &[agent(pod, node, distro)], &[agent_volume(pod)]);
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": pod, "namespace": NAMESPACE, "labels": {"app": pod}},
            "spec": spec,
        })
    };
    let objects: Vec<Value> = std::iter::once(namespace(NAMESPACE)).chain(all.iter().map(pod)).collect();
    manifest("probers.yaml", &objects)
}

#[cfg(test)]
mod tests {
    use super::Prober;
    use crate::model::Vantage;

    #[test]
    fn one_stands_beside_the_backend_and_one_elsewhere() {
        let nodes: Vec<_> = ["a", "b", "c"].map(|name| (name.to_owned(), "debian-12".to_owned())).to_vec();
        let shown = |nodes: &[(String, String)], backend| -> Vec<(Vantage, String)> {
            Prober::of(nodes, backend).into_iter().map(|prober| (prober.vantage, prober.node)).collect()
        };
        assert_eq!(shown(&nodes, 0), [(Vantage::Pod, "a".to_owned()), (Vantage::RemotePod, "b".to_owned())]);
        assert_eq!(shown(&nodes, 2), [(Vantage::Pod, "c".to_owned()), (Vantage::RemotePod, "a".to_owned())]);
        assert_eq!(shown(&nodes[..1], 0), [(Vantage::Pod, "a".to_owned())]);
        let socket = Prober::of(&nodes, 0)[0].socket();
        assert_eq!(socket, "/run/pathlab/pods/probe-local/agent.sock");
    }
}
