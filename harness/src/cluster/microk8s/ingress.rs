//! Which ingress controller the addon brought: that differs by release, and addons come from the newest source when a
//! snap is built, so it is looked for and not derived from the version. Pure.

use serde::Deserialize;

/// The ingress controller of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    /// What it is.
    pub flavour: Flavour,
    /// Its namespace.
    pub namespace: String,
    /// Kind and name of what runs it: `daemonset/nginx-ingress-microk8s-controller`.
    pub workload: String,
    /// Names of the ingress classes of the cluster.
    pub classes: Vec<String>,
}

/// Ingress controllers that MicroK8s has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// ingress-nginx, up to 1.34.
    Nginx,
    /// Traefik, later.
    Traefik,
}

impl Flavour {
    /// The word in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Traefik => "traefik",
        }
    }
}

#[derive(Deserialize)]
struct List {
    items: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    kind: String,
    metadata: Metadata,
    #[serde(default)]
    spec: serde_json::Value,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: String,
}

/// Finds the controller in what [`ARGUMENTS`] asks for; none when there is no ingress. The error says what is wrong
/// with the text.
pub fn detect(text: &str) -> Result<Option<Ingress>, String> {
    let list: List = serde_json::from_str(text).map_err(|error| format!("it is no list of objects: {error}"))?;
    let classes: Vec<String> = list
        .items
        .iter()
        .filter(|object| object.kind == "IngressClass")
        .map(|class| class.metadata.name.clone())
        .collect();
    let controller = list.items.iter().find_map(|object| Some((object, flavour(object)?)));
    Ok(controller.map(|(object, flavour)| Ingress {
        flavour,
        namespace: object.metadata.namespace.clone(),
        workload: format!("{}/{}", object.kind.to_lowercase(), object.metadata.name),
        classes,
    }))
}

/// Arguments of `microk8s` that list what [`detect`] reads.
pub const ARGUMENTS: [&str; 6] =
    ["kubectl", "get", "daemonsets,deployments,ingressclasses", "--all-namespaces", "--output", "json"];

/// What a `DaemonSet` or `Deployment` is, by its images: names are the packager's choice.
fn flavour(object: &Object) -> Option<Flavour> {
    if !["DaemonSet", "Deployment"].contains(&object.kind.as_str()) {
        return None;
    }
    let containers = object.spec.pointer("/template/spec/containers").and_then(serde_json::Value::as_array);
    containers.into_iter().flatten().find_map(|container| {
        let image = container.get("image")?.as_str()?;
        let name = image.split(['@', ':']).next()?;
        if name.contains("ingress-nginx/controller") || object.metadata.name == "nginx-ingress-microk8s-controller" {
            Some(Flavour::Nginx)
        } else {
            (name.rsplit('/').next() == Some("traefik")).then_some(Flavour::Traefik)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Flavour, detect};

    fn list(items: &serde_json::Value) -> String {
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
    }

    fn workload(kind: &str, namespace: &str, name: &str, image: &str) -> serde_json::Value {
        let spec = json!({"template": {"spec": {"containers": [{"name": "c", "image": image}]}}});
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec})
    }

    fn class(name: &str) -> serde_json::Value {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": name}})
    }

    /// Names of the objects: canonical/microk8s `tests/validators.py` (commit d099c907); images: the addon's manifests.
    #[test]
    fn the_controller_is_known_by_its_image() {
        let calico = workload("DaemonSet", "kube-system", "calico-node", "calico/node:v3.28.1");
        let nginx =
            workload("DaemonSet", "ingress", "nginx-ingress-microk8s-controller", "ingress-nginx/controller:v1.11.5");
        let traefik = workload("DaemonSet", "ingress", "traefik", "library/traefik:v3.5.0@sha256:00");
        let found =
            detect(&list(&json!([calico, nginx, class("nginx"), class("public")]))).expect("a list").expect("there");
        assert_eq!(found.flavour, Flavour::Nginx);
        assert_eq!(found.workload, "daemonset/nginx-ingress-microk8s-controller");
        assert_eq!((found.namespace.as_str(), found.classes.join(" ")), ("ingress", "nginx public".to_owned()));
        let found = detect(&list(&json!([calico, traefik, class("traefik")]))).expect("a list").expect("there");
        assert_eq!((found.flavour, found.workload.as_str()), (Flavour::Traefik, "daemonset/traefik"));
        assert_eq!(detect(&list(&json!([calico, class("public")]))), Ok(None));
    }

    #[test]
    fn garbage_is_no_ingress_that_is_missing() {
        for text in ["", "error: the server doesn't have a resource type", "[]", r#"{"items": [{}]}"#] {
            assert!(detect(text).is_err(), "{text:?}");
        }
    }
}
