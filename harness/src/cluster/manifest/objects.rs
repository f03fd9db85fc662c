//! All objects of a set of manifests.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::Namespace as KubeNamespace;

use super::{
    config_map::ConfigMap,
    document::Document,
    error::{ManifestError, ManifestErrors},
    field::Field,
    fields,
    ingress::Ingress,
    meta::Meta,
    name::NameKind,
    network_policy::NetworkPolicy,
    service::Service,
    typed::typed,
    workload::Workload,
};
use crate::catalog::scenario::Manifest;

/// Namespaces whose objects are the lab's own.
pub const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "ingress", "pathlab"];

/// Kinds that are implemented, with their API version.
const KINDS: [(&str, &str); 8] = [
    ("Namespace", "v1"),
    ("Deployment", "apps/v1"),
    ("DaemonSet", "apps/v1"),
    ("Pod", "v1"),
    ("Service", "v1"),
    ("Ingress", "networking.k8s.io/v1"),
    ("ConfigMap", "v1"),
    ("NetworkPolicy", "networking.k8s.io/v1"),
];

/// Everything that a set of manifests declares, each kind in the order of the files.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Namespaces that are declared, with their labels.
    pub namespaces: Vec<Meta>,
    /// Deployments, `DaemonSets` and Pods.
    pub workloads: Vec<Workload>,
    /// Services.
    pub services: Vec<Service>,
    /// Ingresses.
    pub ingresses: Vec<Ingress>,
    /// `ConfigMaps`.
    pub config_maps: Vec<ConfigMap>,
    /// `NetworkPolicies`.
    pub network_policies: Vec<NetworkPolicy>,
}

/// Reads and checks manifest files. The first error of each document is reported.
pub fn parse(manifests: &[Manifest]) -> Result<Objects, ManifestErrors> {
    let (mut objects, mut errors) = (Objects::default(), Vec::new());
    let mut seen: BTreeMap<(String, String, String), Arc<Document>> = BTreeMap::new();
    let mut namespaced = Vec::new();
    for manifest in manifests {
        let documents = match Document::read(manifest) {
            Ok(documents) => documents,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for document in documents {
            let added = objects.add(&document).and_then(|(kind, meta)| {
                namespaced.push((Arc::clone(&document), kind.clone(), meta.clone()));
                not_twice(&mut seen, &document, &kind, &meta)
            });
            errors.extend(added.err());
        }
    }
    let known = |name: &str| name == "default" || objects.namespaces.iter().any(|meta| meta.name == name);
    for (document, kind, meta) in &namespaced {
        errors.extend(check_namespace(document, kind, meta, &known).err());
    }
    if errors.is_empty() { Ok(objects) } else { Err(ManifestErrors(errors)) }
}

impl Objects {
    fn add(&mut self, document: &Arc<Document>) -> Result<(String, Meta), ManifestError> {
        let kind = kind(document)?;
        let meta = match kind {
            "Namespace" => {
                let meta = namespace(document)?;
                self.namespaces.push(meta.clone());
                meta
            }
            "Service" => {
                self.services.push(Service::read(document)?);
                self.services[self.services.len() - 1].meta.clone()
            }
            "Ingress" => {
                self.ingresses.push(Ingress::read(document)?);
                self.ingresses[self.ingresses.len() - 1].meta.clone()
            }
            "ConfigMap" => {
                self.config_maps.push(ConfigMap::read(document)?);
                self.config_maps[self.config_maps.len() - 1].meta.clone()
            }
            "NetworkPolicy" => {
                self.network_policies.push(NetworkPolicy::read(document)?);
                self.network_policies[self.network_policies.len() - 1].meta.clone()
            }
            workload => {
                self.workloads.push(match workload {
                    "Deployment" => Workload::read_deployment(document)?,
                    "DaemonSet" => Workload::read_daemon_set(document)?,
                    _ => Workload::read_pod(document)?,
                });
                self.workloads[self.workloads.len() - 1].meta.clone()
            }
        };
        Ok((kind.to_owned(), meta))
    }
}

/// The kind of a document, when it is one that is implemented in that version.
fn kind(document: &Arc<Document>) -> Result<&str, ManifestError> {
    let text = |key: &str| {
        let field = Field::keys(key);
        let node = document.root.get(key).ok_or_else(|| document.error(&field, format!("an object needs `{key}`")))?;
        node.text().ok_or_else(|| document.error(&field, "must be a string"))
    };
    let (version, kind) = (text("apiVersion")?, text("kind")?);
    match KINDS.iter().find(|(name, _)| *name == kind) {
        Some((_, expected)) if *expected == version => Ok(kind),
        Some((_, expected)) => {
            let message = format!("{kind} of `{version}` is not served; use `{expected}`");
            Err(document.error(&Field::keys("apiVersion"), message))
        }
        None => {
            let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
            let message = format!("kind `{kind}` is not implemented by the dataplane cluster");
            let help = format!("implemented are {}", names.join(", "));
            Err(document.error(&Field::keys("kind"), message).help(help))
        }
    }
}

fn namespace(document: &Arc<Document>) -> Result<Meta, ManifestError> {
    let object: KubeNamespace = typed(document)?;
    fields::check(document, "Namespace")?;
    let meta = Meta::read(document, &object.metadata, NameKind::Label, &[])?;
    if document.root.get("metadata").is_some_and(|metadata| metadata.get("namespace").is_some()) {
        return Err(document.key_error(&Field::keys("metadata.namespace"), "a Namespace is in no namespace"));
    }
    Ok(Meta { namespace: String::new(), ..meta })
}

fn not_twice(
    seen: &mut BTreeMap<(String, String, String), Arc<Document>>,
    document: &Arc<Document>,
    kind: &str,
    meta: &Meta,
) -> Result<(), ManifestError> {
    let id = (kind.to_owned(), meta.namespace.clone(), meta.name.clone());
    let Some(first) = seen.insert(id, Arc::clone(document)) else { return Ok(()) };
    let message = format!("{kind} `{}` stands in {} too (document {})", meta.name, first.file, first.number);
    Err(document.error(&Field::keys("metadata.name"), message))
}

fn check_namespace(
    document: &Arc<Document>,
    kind: &str,
    meta: &Meta,
    known: &impl Fn(&str) -> bool,
) -> Result<(), ManifestError> {
    let (field, name) = match kind {
        "Namespace" => (Field::keys("metadata.name"), &meta.name),
        _ => (Field::keys("metadata.namespace"), &meta.namespace),
    };
    if SYSTEM_NAMESPACES.contains(&name.as_str()) {
        return Err(document.error(&field, format!("namespace `{name}` is the lab's own")));
    }
    if kind != "Namespace" && !known(name) {
        let message = format!("namespace `{name}` is declared by no manifest");
        return Err(document.error(&field, message).help("add a Namespace, or leave `namespace` out for `default`"));
    }
    if kind == "Service" && meta.full_name() == "default/kubernetes" {
        return Err(document.error(&Field::keys("metadata.name"), "the API server's own service has this name"));
    }
    Ok(())
}
