//! Logs of a node's components, as evidence: what they say, and how much of it.

use crate::{cluster::ComponentLog, provider::Command};

/// Lines of each log at most.
const LINES: &str = "5000";

/// Units of the snap that decide what becomes of packets.
const UNITS: [(&str, &str); 2] =
    [("kubelite", "snap.microk8s.daemon-kubelite"), ("containerd", "snap.microk8s.daemon-containerd")];

/// Pods by label: component, namespace, label, container. The amount that Calico logs differs between distros.
const PODS: [(&str, &str, &str); 4] = [
    ("calico-node", "kube-system", "k8s-app=calico-node"),
    ("dns", "kube-system", "k8s-app=kube-dns"),
    ("ingress", "ingress", "name=nginx-ingress-microk8s"),
    ("traefik", "ingress", "app.kubernetes.io/name=traefik"),
];

/// Lines that say what state Calico is in on this node.
const CALICO: &str = r#"microk8s kubectl --namespace kube-system get pods --selector k8s-app=calico-node \
    --field-selector spec.nodeName="$(hostname | tr A-Z a-z)" --output wide
microk8s kubectl get ippools.crd.projectcalico.org,felixconfigurations.crd.projectcalico.org --output yaml
ip -details link show vxlan.calico
ip route show proto bird; ip route show dev vxlan.calico"#;

/// What prints them, on each node.
#[must_use]
pub fn logs(node: &str) -> Vec<ComponentLog> {
    let log = |component: &str, command| ComponentLog { component: component.to_owned(), command };
    let units = UNITS.iter().map(|(component, unit)| {
        log(
            component,
            Command::new(["journalctl", "--no-pager", "--output", "short-iso", "--lines", LINES, "--unit", unit]),
        )
    });
    let pods = PODS.iter().map(|(component, namespace, label)| {
        let line = format!(
            "for pod in $(microk8s kubectl --namespace {namespace} get pods --selector {label} \
             --field-selector spec.nodeName={node} --output name); do \
             microk8s kubectl --namespace {namespace} logs \"$pod\" --all-containers --tail {LINES}; done"
        );
        log(component, Command::shell(&line))
    });
    // Later lines still say something when an earlier one cannot.
    let calico = log("calico-state", Command::new(["sh", "-c", CALICO]));
    units.chain(pods).chain([calico]).collect()
}

#[cfg(test)]
mod tests {
    use super::logs;

    #[test]
    fn pods_are_those_of_the_node() {
        let all = logs("rhel-1");
        let calico = all.iter().find(|log| log.component == "calico-node").expect("there").command.display();
        assert!(calico.contains("spec.nodeName=rhel-1") && calico.contains("k8s-app=calico-node"), "{calico}");
        assert!(all.iter().any(|log| log.component == "calico-state"));
    }
}
