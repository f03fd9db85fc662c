//! Ingresses.

use std::sync::Arc;

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, Ingress as KubeIngress, IngressBackend as KubeBackend, IngressSpec,
};

use super::{
    document::Document,
    error::ManifestError,
    field::Field,
    fields,
    meta::Meta,
    name::NameKind,
    port::{self, PortRef},
    typed::typed,
};

/// Classes that the lab's ingress controller serves, as that of `MicroK8s` does.
pub const INGRESS_CLASSES: [&str; 2] = ["public", "nginx"];

const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// Annotations without effect where there is no TLS.
const HARMLESS_ANNOTATIONS: [&str; 2] =
    ["nginx.ingress.kubernetes.io/ssl-redirect", "nginx.ingress.kubernetes.io/force-ssl-redirect"];

/// An Ingress as declared.
#[derive(Clone, Debug)]
pub struct Ingress {
    /// Name and namespace.
    pub meta: Meta,
    /// Where requests go that no rule matches.
    pub default_backend: Option<IngressBackend>,
    /// The rules.
    pub rules: Vec<IngressRule>,
    /// The document, for errors.
    pub origin: Arc<Document>,
}

/// The rules of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressRule {
    /// The host; none means every one.
    pub host: Option<String>,
    /// Paths, in order.
    pub paths: Vec<IngressPath>,
}

/// One path of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressPath {
    /// The path, starting with `/`.
    pub path: String,
    /// How it is compared.
    pub kind: PathKind,
    /// Where its requests go.
    pub backend: IngressBackend,
}

/// How an Ingress path is compared with that of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathKind {
    /// The same path.
    Exact,
    /// The same elements in front.
    Prefix,
    /// As the controller likes: here the same characters in front, as nginx does.
    ImplementationSpecific,
}

/// A service and a port of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressBackend {
    /// Service name, in the Ingress's namespace.
    pub service: String,
    /// The port.
    pub port: PortRef,
}

impl Ingress {
    /// Reads and checks an Ingress.
    pub fn read(document: &Arc<Document>) -> Result<Self, ManifestError> {
        let object: KubeIngress = typed(document)?;
        fields::check(document, "Ingress")?;
        let meta = Meta::read(document, &object.metadata, NameKind::Subdomain, &HARMLESS_ANNOTATIONS)?;
        let root = Field::keys("spec");
        let spec = object.spec.ok_or_else(|| document.error(&root, "an Ingress needs a spec"))?;
        check_class(document, &root, &meta, &spec)?;
        let default_field = root.key("defaultBackend");
        let default_backend = spec.default_backend.as_ref();
        let default_backend =
            default_backend.map(|declared| backend(document, &default_field, declared)).transpose()?;
        let rules = rules(document, &root, &spec)?;
        if rules.is_empty() && default_backend.is_none() {
            return Err(document.error(&root, "an Ingress needs rules or a defaultBackend"));
        }
        Ok(Self { meta, default_backend, rules, origin: Arc::clone(document) })
    }
}

fn check_class(document: &Arc<Document>, root: &Field, meta: &Meta, spec: &IngressSpec) -> Result<(), ManifestError> {
    let annotation = meta.annotations.get(CLASS_ANNOTATION);
    let annotation = annotation.map(|class| (Field::keys("metadata.annotations").key(CLASS_ANNOTATION), class));
    let field = spec.ingress_class_name.as_ref().map(|class| (root.key("ingressClassName"), class));
    for (field, class) in annotation.into_iter().chain(field) {
        if !INGRESS_CLASSES.contains(&class.as_str()) {
            let message = format!("no controller of the lab serves class `{class}`");
            let help = format!("served are {}, and an Ingress without a class", INGRESS_CLASSES.join(", "));
            return Err(document.error(&field, message).help(help));
        }
    }
    Ok(())
}

fn rules(document: &Arc<Document>, root: &Field, spec: &IngressSpec) -> Result<Vec<IngressRule>, ManifestError> {
    let mut rules = Vec::new();
    for (index, rule) in spec.rules.iter().flatten().enumerate() {
        let field = root.key("rules").index(index);
        let host = rule.host.clone().filter(|host| !host.is_empty());
        if let Some(host) = &host {
            let name = host.strip_prefix("*.").unwrap_or(host);
            if NameKind::Subdomain.problem(name).is_some() || name.parse::<std::net::IpAddr>().is_ok() {
                return Err(document.error(&field.key("host"), format!("`{host}` is no host name")));
            }
        }
        let declared = rule.http.as_ref().map(|http| http.paths.as_slice()).unwrap_or_default();
        if declared.is_empty() {
            return Err(document.error(&field.then("http.paths"), "a rule needs at least one path"));
        }
        let paths = declared.iter().enumerate();
        let paths = paths.map(|(index, path)| ingress_path(document, &field.then("http.paths").index(index), path));
        rules.push(IngressRule { host, paths: paths.collect::<Result<_, _>>()? });
    }
    Ok(rules)
}

fn ingress_path(
    document: &Arc<Document>,
    field: &Field,
    declared: &HTTPIngressPath,
) -> Result<IngressPath, ManifestError> {
    let kind = match declared.path_type.as_str() {
        "Exact" => PathKind::Exact,
        "Prefix" => PathKind::Prefix,
        "ImplementationSpecific" => PathKind::ImplementationSpecific,
        "" => return Err(document.error(&field.key("pathType"), "a path needs a pathType")),
        other => {
            let message = format!("`{other}` is no pathType; expected Exact, Prefix or ImplementationSpecific");
            return Err(document.error(&field.key("pathType"), message));
        }
    };
    let path = match declared.path.as_deref().unwrap_or_default() {
        "" if kind == PathKind::ImplementationSpecific => "/".to_owned(),
        path => path.to_owned(),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
    if !path.starts_with('/') || !path.chars().all(plain) || path.contains("//") {
        let message = format!("`{path}` is no path: it must start with `/` and hold letters, digits and `-_.~/` only");
        return Err(document.error(&field.key("path"), message));
    }
    Ok(IngressPath { path, kind, backend: backend(document, &field.key("backend"), &declared.backend)? })
}

fn backend(document: &Arc<Document>, field: &Field, declared: &KubeBackend) -> Result<IngressBackend, ManifestError> {
    let field = field.key("service");
    let service = declared.service.as_ref().ok_or_else(|| document.error(&field, "a backend needs a service"))?;
    if service.name.is_empty() {
        return Err(document.error(&field.key("name"), "a backend needs the name of a service"));
    }
    let port_field = field.key("port");
    let port = service.port.clone().unwrap_or_default();
    let port = match (port.name, port.number) {
        (None, Some(number)) => PortRef::Number(port::number(document, &port_field.key("number"), number)?),
        (Some(name), None) => PortRef::Name(port::name(document, &port_field.key("name"), &name)?),
        _ => return Err(document.error(&port_field, "a backend needs a port, by name or by number")),
    };
    Ok(IngressBackend { service: service.name.clone(), port })
}
