//! Which fields of which kind the dataplane cluster implements. A field that stands in no list here is an
//! error: nothing that a manifest says is ignored, but for fields that cannot change how packets go.
//!
//! Patterns are paths: `[]` any item of a list, `*` any key, `**` everything below.

use super::{
    document::Document,
    error::ManifestError,
    field::Field,
    tree::{Node, Value},
};

/// What every kind may hold. `status` is dropped by the API server too.
const COMMON: &[&str] = &[
    "apiVersion",
    "kind",
    "status.**",
    "metadata.name",
    "metadata.namespace",
    "metadata.labels.*",
    "metadata.annotations.*",
];

/// What a pod or pod template may hold, apart from its metadata's name and namespace.
const POD: &[&str] = &[
    "metadata.labels.*",
    "metadata.annotations.*",
    "spec.nodeName",
    "spec.nodeSelector.*",
    "spec.containers[].name",
    "spec.containers[].image",
    "spec.containers[].args[]",
    "spec.containers[].env[].name",
    "spec.containers[].env[].value",
    "spec.containers[].env[].valueFrom.configMapKeyRef.**",
    "spec.containers[].env[].valueFrom.fieldRef.**",
    "spec.containers[].envFrom[].prefix",
    "spec.containers[].envFrom[].configMapRef.**",
    "spec.containers[].ports[].**",
    "spec.containers[].volumeMounts[].name",
    "spec.containers[].volumeMounts[].mountPath",
    "spec.containers[].volumeMounts[].readOnly",
    "spec.containers[].volumeMounts[].subPath",
    "spec.volumes[].name",
    "spec.volumes[].configMap.**",
    "spec.dnsPolicy",
    "spec.restartPolicy",
    // Without effect on the network: there is one image, one user, and neither quota nor taint.
    "spec.containers[].imagePullPolicy",
    "spec.containers[].resources.**",
    "spec.containers[].securityContext.**",
    "spec.containers[].terminationMessagePath",
    "spec.containers[].terminationMessagePolicy",
    "spec.containers[].stdin",
    "spec.containers[].tty",
    "spec.automountServiceAccountToken",
    "spec.enableServiceLinks",
    "spec.imagePullSecrets[].**",
    "spec.priorityClassName",
    "spec.securityContext.fsGroup",
    "spec.securityContext.runAsGroup",
    "spec.securityContext.runAsNonRoot",
    "spec.securityContext.runAsUser",
    "spec.securityContext.seccompProfile.**",
    "spec.serviceAccount",
    "spec.serviceAccountName",
    "spec.terminationGracePeriodSeconds",
    "spec.tolerations[].**",
];

/// What a Deployment may hold beside its template. How it rolls out decides nothing: a lab starts from nothing.
const DEPLOYMENT: &[&str] = &[
    "spec.replicas",
    "spec.selector.**",
    "spec.strategy.**",
    "spec.minReadySeconds",
    "spec.progressDeadlineSeconds",
    "spec.revisionHistoryLimit",
];

/// What a `DaemonSet` may hold beside its template.
const DAEMON_SET: &[&str] =
    &["spec.selector.**", "spec.updateStrategy.**", "spec.minReadySeconds", "spec.revisionHistoryLimit"];

const SERVICE: &[&str] = &[
    "spec.type",
    "spec.selector.*",
    "spec.clusterIP",
    "spec.clusterIPs[]",
    "spec.externalIPs[]",
    "spec.externalTrafficPolicy",
    "spec.internalTrafficPolicy",
    "spec.sessionAffinity",
    "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
    "spec.ipFamilies[]",
    "spec.ipFamilyPolicy",
    "spec.ports[].name",
    "spec.ports[].port",
    "spec.ports[].protocol",
    "spec.ports[].targetPort",
    "spec.ports[].nodePort",
    // A hint for load balancers, and for pods that never are ready; here every pod is.
    "spec.ports[].appProtocol",
    "spec.publishNotReadyAddresses",
];

const INGRESS: &[&str] = &[
    "spec.ingressClassName",
    "spec.defaultBackend.service.**",
    "spec.rules[].host",
    "spec.rules[].http.paths[].path",
    "spec.rules[].http.paths[].pathType",
    "spec.rules[].http.paths[].backend.service.**",
];

const CONFIG_MAP: &[&str] = &["data.*", "binaryData.*", "immutable"];

const NETWORK_POLICY: &[&str] = &[
    "spec.podSelector.**",
    "spec.policyTypes[]",
    "spec.ingress[].from[].**",
    "spec.ingress[].ports[].**",
    "spec.egress[].to[].**",
    "spec.egress[].ports[].**",
];

/// Checks that every field of a document is implemented.
pub fn check(document: &Document, kind: &str) -> Result<(), ManifestError> {
    let mut patterns: Vec<Vec<String>> = COMMON.iter().map(|pattern| steps("", pattern)).collect();
    let mut add = |prefix: &str, list: &[&str]| patterns.extend(list.iter().map(|pattern| steps(prefix, pattern)));
    match kind {
        "Deployment" => {
            add("", DEPLOYMENT);
            add("spec.template.", POD);
        }
        "DaemonSet" => {
            add("", DAEMON_SET);
            add("spec.template.", POD);
        }
        "Pod" => add("", POD),
        "Service" => add("", SERVICE),
        "Ingress" => add("", INGRESS),
        "ConfigMap" => add("", CONFIG_MAP),
        "NetworkPolicy" => add("", NETWORK_POLICY),
        _ => {}
    }
    let patterns: Vec<&[String]> = patterns.iter().map(Vec::as_slice).collect();
    walk(document, &document.root, &Field::root(), &patterns)
}

/// An error about what nobody here carries out. Ingresses and policies are the lab's own business on every namespace host.
pub fn not_implemented(document: &Document, field: &Field) -> ManifestError {
    let (who, others) = match document.root.get("kind").and_then(Node::text) {
        Some("Ingress") => ("the lab's ingress controller", "`microk8s`"),
        Some("NetworkPolicy") => ("the lab's network policies", "`microk8s`"),
        _ => ("the dataplane cluster", "`kubernetes` or `microk8s`"),
    };
    let help = format!("only a cluster of kind {others} can carry this manifest");
    document.key_error(field, format!("not implemented by {who}")).help(help)
}

fn steps(prefix: &str, pattern: &str) -> Vec<String> {
    format!("{prefix}{pattern}").replace("[]", ".[]").split('.').map(str::to_owned).collect()
}

/// Checks everything below `node`; `patterns` are what is left of those that lead here.
fn walk(document: &Document, node: &Node, field: &Field, patterns: &[&[String]]) -> Result<(), ManifestError> {
    let children: Vec<(Field, &str, &Node)> = match &node.value {
        Value::Map(entries) => {
            entries.iter().map(|(key, value)| (field.key(&key.name), key.name.as_str(), value)).collect()
        }
        Value::List(items) => items.iter().enumerate().map(|(index, item)| (field.index(index), "[]", item)).collect(),
        _ => return Ok(()),
    };
    for (field, step, child) in children {
        // `null` is the same as absent to the API server.
        if matches!(child.value, Value::Null) {
            continue;
        }
        let left: Vec<&[String]> = patterns.iter().filter_map(|pattern| follow(pattern, step)).collect();
        if left.is_empty() {
            return Err(not_implemented(document, &field));
        }
        if !left.iter().any(|pattern| pattern.first().is_some_and(|step| step == "**")) {
            walk(document, child, &field, &left)?;
        }
    }
    Ok(())
}

/// What is left of a pattern after a step; none when the step leads elsewhere.
fn follow<'a>(pattern: &'a [String], step: &str) -> Option<&'a [String]> {
    let (first, rest) = pattern.split_first()?;
    (first == step || (first == "*" && step != "[]")).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::{follow, steps};

    #[test]
    fn patterns_are_followed_step_by_step() {
        let pattern = steps("spec.template.", "spec.containers[].args[]");
        let mut left = pattern.as_slice();
        for step in ["spec", "template", "spec", "containers", "[]", "args", "[]"] {
            left = follow(left, step).expect(step);
        }
        assert!(left.is_empty());
        assert_eq!(follow(&steps("", "data.*")[1..], "a.b").map(<[_]>::len), Some(0));
        assert_eq!(follow(&steps("", "data.*"), "[]"), None);
    }
}
