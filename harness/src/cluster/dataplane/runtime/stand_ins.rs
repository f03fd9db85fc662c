//! Parts of a MicroK8s node that a remedy may restart, as far as the host's rules go: each writes what the real one
//! writes when it starts, and nothing else.

use super::RuntimeError;
use crate::{
    cluster::dataplane::{
        kube_proxy, portmap,
        state::{ClusterState, PodRole},
    },
    model::IpFamily,
    provider::{
        Machine as _,
        netns::{NetnsMachine, OWN_BIN, systemctl::UNITS},
    },
};

/// The service in which a MicroK8s node runs kubelet and kube-proxy. At its start kube-proxy writes all its rules;
/// the kubelet leaves running pods alone, so that their host ports stay as they are.
const KUBELITE: &str = "snap.microk8s.daemon-kubelite";

/// Where each pod has the script that stands for its start on this node, empty where nothing happens: `NAMESPACE/POD`.
const PODS: &str = "/run/pathlab-pods";

/// `microk8s kubectl rollout restart` makes a workload's pods anew: the CNI plugin writes their host ports again.
/// The new pods keep their addresses here.
const MICROK8S: &str = r#"#!/bin/sh
# The lab's stand-in for `microk8s`.
set -eu
refuse() {
    echo "microk8s (the lab's stand-in): $1; there is \`microk8s kubectl rollout restart KIND NAME [-n NAMESPACE]\`" >&2
    exit 1
}
[ "${1-} ${2-} ${3-}" = "kubectl rollout restart" ] || refuse "\`$*\` is not there on a namespace host"
kind=${4-} name=${5-} namespace=default
case $kind in deployment | daemonset) ;; *) refuse "\`$kind\` is no deployment and no daemonset" ;; esac
case ${6-} in
"") ;;
-n) namespace=${7-} ;;
*) refuse "\`$6\` is unknown" ;;
esac
for pod in "/run/pathlab-pods/$namespace/$name-"*; do
    [ -e "$pod" ] || refuse "there is no pod of $namespace/$name"
    sh -e "$pod"
done
# The new pods' endpoints are a change, at which kube-proxy writes all its rules (seen with real Kubernetes 1.20).
sh -e /run/pathlab-units/snap.microk8s.daemon-kubelite/start
"#;

/// Puts them on every node.
pub(super) async fn install(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<(), RuntimeError> {
    for (index, machine) in nodes.iter().enumerate() {
        let families = &state.families;
        let scripts = families.iter().map(|family| kube_proxy::program(state, index, *family).sync_script());
        let kubelite: String = scripts.collect();
        write(machine, &format!("{UNITS}/{KUBELITE}/start"), &kubelite, 0o644).await?;
        write(machine, &format!("{UNITS}/{KUBELITE}/started"), "", 0o644).await?;
        write(machine, &format!("{OWN_BIN}/microk8s"), MICROK8S, 0o755).await?;
        for pod in state.pods.iter().filter(|pod| pod.role == PodRole::Workload) {
            let own = |family: &IpFamily| portmap::of_pods(std::iter::once(pod), *family);
            let started = families.iter().filter_map(own).filter(|_| pod.node == index);
            let script: String = started.map(|program| program.ensure_script()).collect();
            write(machine, &format!("{PODS}/{}/{}", pod.namespace, pod.name), &script, 0o644).await?;
        }
    }
    Ok(())
}

async fn write(machine: &NetnsMachine, path: &str, content: &str, mode: u32) -> Result<(), RuntimeError> {
    Ok(machine.write_file(path.into(), content.as_bytes(), mode).await?)
}
