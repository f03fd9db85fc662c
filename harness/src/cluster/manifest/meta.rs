//! What every object has: name, namespace, labels, annotations.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{document::Document, error::ManifestError, field::Field, fields, name::NameKind, selector::Labels};

/// Name, namespace, labels and annotations of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Name, unique within kind and namespace.
    pub name: String,
    /// Namespace; empty for a Namespace itself.
    pub namespace: String,
    /// Labels.
    pub labels: Labels,
    /// Annotations.
    pub annotations: Labels,
}

/// Annotations by whose prefix a controller or network plugin would act: none of them is implemented.
const ACTIVE_ANNOTATIONS: [&str; 8] = [
    "cni.projectcalico.org/",
    "ingress.kubernetes.io/",
    "k8s.v1.cni.cncf.io/",
    "metallb.io/",
    "metallb.universe.tf/",
    "nginx.ingress.kubernetes.io/",
    "service.alpha.kubernetes.io/",
    "service.kubernetes.io/",
];

/// The same for labels.
const ACTIVE_LABELS: [&str; 2] = ["service.kubernetes.io/headless", "service.kubernetes.io/service-proxy-name"];

impl Meta {
    /// Reads and checks the metadata of a document; `implemented` are annotations that the caller acts upon.
    pub fn read(
        document: &Arc<Document>,
        meta: &ObjectMeta,
        kind: NameKind,
        implemented: &[&str],
    ) -> Result<Self, ManifestError> {
        let field = Field::keys("metadata");
        let name = meta.name.clone().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| document.error(&field.key("name"), "an object needs a name"))?;
        if let Some(problem) = kind.problem(&name) {
            return Err(document.error(&field.key("name"), format!("`{name}` is no valid name: it {problem}")));
        }
        let namespace = meta.namespace.clone().filter(|name| !name.is_empty());
        let namespace = namespace.unwrap_or_else(|| "default".to_owned());
        let meta = Self {
            name,
            namespace,
            labels: meta.labels.clone().unwrap_or_default(),
            annotations: meta.annotations.clone().unwrap_or_default(),
        };
        refuse_active(document, &field, &meta, implemented)?;
        Ok(meta)
    }

    /// `NAMESPACE/NAME`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Refuses annotations and labels that would change how packets go.
pub fn refuse_active(
    document: &Arc<Document>,
    field: &Field,
    meta: &Meta,
    implemented: &[&str],
) -> Result<(), ManifestError> {
    let annotations = meta.annotations.keys().filter(|key| {
        ACTIVE_ANNOTATIONS.iter().any(|prefix| key.starts_with(prefix)) && !implemented.contains(&key.as_str())
    });
    let labels = meta.labels.keys().filter(|key| ACTIVE_LABELS.contains(&key.as_str()));
    let first = annotations.map(|key| ("annotations", key)).chain(labels.map(|key| ("labels", key))).next();
    first.map_or(Ok(()), |(list, key)| Err(fields::not_implemented(document, &field.key(list).key(key))))
}
