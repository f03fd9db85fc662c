//! Which objects manifests name, and which of them a cluster has already.

use std::fmt;

use super::{api::KubeApi, apply::in_order, error::KubeError};
use crate::catalog::scenario::Manifest;

/// Namespace of objects that say none.
const DEFAULT_NAMESPACE: &str = "default";

/// An object by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// Kind, with its group behind a dot where it has one, as `kubectl` takes it.
    pub kind: String,
    /// Namespace; of no meaning where the kind knows none.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.split('.').next().unwrap_or_default();
        if kind == "Namespace" {
            return write!(f, "{kind} {}", self.name);
        }
        write!(f, "{kind} {}/{}", self.namespace, self.name)
    }
}

/// The objects of manifests, in the order of applying.
pub fn names(manifests: &[Manifest]) -> Result<Vec<ObjectName>, KubeError> {
    let name = |object: super::document::Object| {
        let group = object.api_version.split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
        ObjectName {
            kind: format!("{}{group}", object.kind),
            namespace: object.namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
            name: object.name,
        }
    };
    Ok(in_order(manifests)?.into_iter().map(name).collect())
}

impl KubeApi {
    /// Which objects of the manifests the cluster has already.
    pub async fn present(&self, manifests: &[Manifest]) -> Result<Vec<ObjectName>, KubeError> {
        let mut found = Vec::new();
        for (object, name) in in_order(manifests)?.iter().zip(names(manifests)?) {
            let Some(kind) = self.kind(&object.api_version, &object.kind).await? else { continue };
            let namespace = kind.namespaced.then_some(name.namespace.as_str());
            let all = self.dynamic(&kind, namespace);
            if self.patiently(format!("look for {name}"), || all.get_metadata_opt(&object.name)).await?.is_some() {
                found.push(name);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::names;
    use crate::catalog::scenario::Manifest;

    #[test]
    fn objects_have_the_names_that_kubectl_takes() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: { name: zeus }\n---\n\
            apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: zeus, namespace: shop }\n---\n\
            apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n";
        let manifest = Manifest { path: "a.yaml".into(), text: text.into(), sha256: String::new() };
        let all = names(&[manifest]).expect("sound");
        let shown: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["Namespace shop", "Service default/zeus", "Ingress shop/zeus"]);
        assert_eq!(all[2].kind, "Ingress.networking.k8s.io");
    }
}
