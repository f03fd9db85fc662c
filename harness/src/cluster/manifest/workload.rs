//! What makes pods: Deployments, `DaemonSets` and Pods themselves.

use std::sync::Arc;

use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment},
        core::v1::{Pod, PodTemplateSpec},
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use super::{
    document::Document,
    error::ManifestError,
    field::Field,
    fields,
    meta::{Meta, refuse_active},
    name::NameKind,
    pod::PodTemplate,
    selector::Selector,
    typed::typed,
};

/// A Deployment, `DaemonSet` or Pod as declared.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Name and namespace.
    pub meta: Meta,
    /// Which of them.
    pub kind: WorkloadKind,
    /// What its pods are like.
    pub template: PodTemplate,
    /// The document, for errors.
    pub origin: Arc<Document>,
}

/// What makes the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// So many pods, anywhere.
    Deployment {
        /// How many.
        replicas: u32,
    },
    /// One pod on every node that fits.
    DaemonSet,
    /// This one pod.
    Pod,
}

impl Workload {
    /// Reads and checks a Deployment.
    pub fn read_deployment(document: &Arc<Document>) -> Result<Self, ManifestError> {
        let object: Deployment = typed(document)?;
        fields::check(document, "Deployment")?;
        let meta = Meta::read(document, &object.metadata, NameKind::Subdomain, &[])?;
        let root = Field::keys("spec");
        let spec = object.spec.ok_or_else(|| document.error(&root, "a Deployment needs a spec"))?;
        let replicas = u32::try_from(spec.replicas.unwrap_or(1));
        let replicas = replicas.map_err(|_| document.error(&root.key("replicas"), "must not be negative"))?;
        let template = template(document, &spec.selector, &spec.template)?;
        Ok(Self { meta, kind: WorkloadKind::Deployment { replicas }, template, origin: Arc::clone(document) })
    }

    /// Reads and checks a `DaemonSet`.
    pub fn read_daemon_set(document: &Arc<Document>) -> Result<Self, ManifestError> {
        let object: DaemonSet = typed(document)?;
        fields::check(document, "DaemonSet")?;
        let meta = Meta::read(document, &object.metadata, NameKind::Subdomain, &[])?;
        let root = Field::keys("spec");
        let spec = object.spec.ok_or_else(|| document.error(&root, "a DaemonSet needs a spec"))?;
        let template = template(document, &spec.selector, &spec.template)?;
        Ok(Self { meta, kind: WorkloadKind::DaemonSet, template, origin: Arc::clone(document) })
    }

    /// Reads and checks a Pod.
    pub fn read_pod(document: &Arc<Document>) -> Result<Self, ManifestError> {
        let object: Pod = typed(document)?;
        fields::check(document, "Pod")?;
        let meta = Meta::read(document, &object.metadata, NameKind::Subdomain, &[])?;
        let root = Field::keys("spec");
        let spec = object.spec.ok_or_else(|| document.error(&root, "a Pod needs a spec"))?;
        let template = PodTemplate::read(document, root, meta.labels.clone(), &spec)?;
        Ok(Self { meta, kind: WorkloadKind::Pod, template, origin: Arc::clone(document) })
    }
}

fn template(
    document: &Arc<Document>,
    selector: &LabelSelector,
    template: &PodTemplateSpec,
) -> Result<PodTemplate, ManifestError> {
    let field = Field::keys("spec.selector");
    let selector = Selector::read(document, &field, selector)?;
    if selector.is_empty() {
        return Err(document.error(&field, "needs matchLabels or matchExpressions"));
    }
    let root = Field::keys("spec.template");
    let declared = template.metadata.clone().unwrap_or_default();
    let (labels, annotations) = (declared.labels.unwrap_or_default(), declared.annotations.unwrap_or_default());
    let meta = Meta { labels, annotations, ..Meta::default() };
    refuse_active(document, &root.key("metadata"), &meta, &[])?;
    if !selector.matches(&meta.labels) {
        return Err(document.error(&root.then("metadata.labels"), "spec.selector does not match these labels"));
    }
    let spec = template.spec.as_ref();
    let spec = spec.ok_or_else(|| document.error(&root.key("spec"), "a pod template needs a spec"))?;
    PodTemplate::read(document, root.key("spec"), meta.labels, spec)
}
