//! The lab's own pods as manifests for the API: probers, and DNS and ingress where a cluster has none.
//!
//! They are applied and deleted like those of a scenario. Their agents listen on unix sockets in folders of the node
//! (a `hostPath`), so that no network under test carries what is said to them.

mod dns;
mod ingress;
mod prober;

use std::fmt::Write as _;

use camino::Utf8PathBuf;
use serde_json::{Value, json};

pub use self::{
    dns::{Dns, dns, dns_service},
    ingress::{IngressNode, ingress},
    prober::{Prober, probers},
};
use crate::{catalog::scenario::Manifest, hex};

/// Below this folder of a node, every own pod with an agent has a folder of its name.
const SOCKETS: &str = "/run/pathlab/pods";

/// Where an agent listens in its container.
const SOCKET_IN_POD: &str = "/run/pathlab/agent.sock";

/// Where the files of a [`Program`] lie in its container.
pub const FILES: &str = "/etc/pathlab";

/// A program in an image that is on every node already, with files for it to read.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Image with tag; it is never pulled.
    pub image: &'a str,
    /// Program and arguments; when empty, those of the image.
    pub command: &'a [&'a str],
    /// Names and contents of its files in [`FILES`].
    pub files: &'a [(&'a str, &'a str)],
}

/// On its node, the socket of the agent in an own pod.
#[must_use]
pub fn socket(pod: &str) -> Utf8PathBuf {
    [SOCKETS, pod, "agent.sock"].iter().collect()
}

/// Objects as a manifest.
fn manifest(name: &str, objects: &[Value]) -> Manifest {
    let text = objects.iter().fold(String::new(), |mut text, object| {
        write!(text, "---\n{object:#}\n").expect("a String takes all");
        text
    });
    Manifest { path: Utf8PathBuf::from("pathlab").join(name), sha256: hex::sha256(&text), text: text.into() }
}

fn namespace(name: &str) -> Value {
    // A label of the lab's own tells a later run that the namespace is the lab's.
    let labels = json!({"app.kubernetes.io/managed-by": "pathlab"});
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

/// What every own pod has: its node, no credentials, no patience; it runs wherever it is told to.
fn pod_spec(node: &str, containers: &[Value], volumes: &[Value]) -> Value {
    json!({
        "nodeName": node,
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "containers": containers,
        "volumes": volumes,
    })
}

/// The agent as a container, listening on the socket that [`agent_volume`] brings to the node.
fn agent(pod: &str, node: &str, distro: &str) -> Value {
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    json!({
        "name": "agent",
        "image": lab_agent::AGENT_IMAGE,
        "imagePullPolicy": "Never",
        "args": ["serve", "--socket", SOCKET_IN_POD],
        "env": [variable("PATHLAB_POD", pod), variable("PATHLAB_NODE", node), variable("PATHLAB_DISTRO", distro)],
        "volumeMounts": [{"name": "socket", "mountPath": "/run/pathlab"}],
    })
}

fn agent_volume(pod: &str) -> Value {
    let path = socket(pod);
    let folder = path.parent().map_or(SOCKETS, |folder| folder.as_str());
    json!({"name": "socket", "hostPath": {"path": folder, "type": "DirectoryOrCreate"}})
}

/// A program's files as a `ConfigMap`.
fn files(namespace: &str, name: &str, program: &Program<'_>) -> Value {
    let data: serde_json::Map<String, Value> =
        program.files.iter().map(|(name, content)| ((*name).to_owned(), json!(content))).collect();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data})
}

/// A program as a container with its files, which the volume `files` holds.
fn container(name: &str, program: &Program<'_>, ports: &Value) -> Value {
    let mut container = json!({
        "name": name,
        "image": program.image,
        "imagePullPolicy": "Never",
        "ports": ports,
        "volumeMounts": [{"name": "files", "mountPath": FILES}],
    });
    if !program.command.is_empty() {
        container["command"] = json!(program.command);
    }
    container
}

/// A Deployment of one pod, which is made anew when the program's files change.
fn deployment(namespace: &str, name: &str, labels: &Value, program: &Program<'_>, spec: &Value) -> Value {
    let annotations = json!({"pathlab/files": hex::sha256(format!("{:?}", program.files))});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            // The node's folder and address are one pod's at a time.
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec},
        },
    })
}
