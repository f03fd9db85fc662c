//! Ingress controllers, for a cluster that has none: one pod on each node, reached at the node's own address.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Program, agent, agent_volume, container, deployment, files, manifest, namespace, pod_spec};
use crate::catalog::scenario::Manifest;

/// Namespace of the controllers, as on MicroK8s.
const NAMESPACE: &str = "ingress";

/// Name of the configuration.
const FILES: &str = "nginx";

/// A node that gets a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressNode {
    /// Its name.
    pub name: String,
    /// Its distro, for what the agent beside the controller says of itself.
    pub distro: String,
    /// Its addresses on the underlay.
    pub ips: Vec<IpAddr>,
}

impl IngressNode {
    /// Name of its controller; [`super::socket`] of it is the socket of the vantage `ingress`.
    #[must_use]
    pub fn controller(&self) -> String {
        format!("ingress-{}", self.name)
    }
}

/// Controllers as a manifest. Each serves HTTP on `port` in its pod and on its node: a service of its own with the
/// node's external address leads there, so that the proxy writes its rules again when they are lost.
#[must_use]
pub fn ingress(program: &Program<'_>, port: u16, nodes: &[IngressNode]) -> Manifest {
    let mut objects = vec![namespace(NAMESPACE), files(NAMESPACE, FILES, program)];
    objects.extend(nodes.iter().flat_map(|node| of_node(program, port, node)));
    manifest("ingress.yaml", &objects)
}

fn of_node(program: &Program<'_>, port: u16, node: &IngressNode) -> [Value; 2] {
    let name = node.controller();
    // The first is the label by which network policies name the controllers on MicroK8s.
    let labels = json!({"name": "nginx-ingress-microk8s", "pathlab/controller": name});
    let ports = json!([{"name": "http", "containerPort": port}]);
    let containers = [container("nginx", program, &ports), agent(&name, &node.name, &node.distro)];
    let volumes = [json!({"name": "files", "configMap": {"name": FILES}}), agent_volume(&name)];
    let deployment = deployment(NAMESPACE, &name, &labels, program, &pod_spec(&node.name, &containers, &volumes));
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            // Only a service with node ports may keep to its node, as a host port does, and so keep the client's address.
            "type": "NodePort",
            "externalTrafficPolicy": "Local",
            "selector": labels,
            "externalIPs": node.ips,
            "ports": [{"name": "http", "port": port, "targetPort": "http"}],
        },
    });
    [deployment, service]
}
