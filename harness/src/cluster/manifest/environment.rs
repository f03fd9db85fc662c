//! Environment variables of containers, as declared.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container as KubeContainer, EnvVarSource};

use super::{document::Document, error::ManifestError, field::Field};

/// One environment variable.
#[derive(Clone, Debug)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Where its value comes from.
    pub source: EnvSource,
    /// Where it stands.
    pub field: Field,
}

/// Where a variable's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvSource {
    /// Itself, `$(VAR)` not yet expanded.
    Value(String),
    /// A key of a `ConfigMap` of the pod's namespace.
    ConfigMap {
        /// The `ConfigMap`'s name.
        name: String,
        /// The key.
        key: String,
        /// Whether it may be absent.
        optional: bool,
    },
    /// Something about the pod.
    Pod(PodFact),
}

/// Something about a pod that a variable can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodFact {
    /// `metadata.name`.
    Name,
    /// `metadata.namespace`.
    Namespace,
    /// `metadata.labels['KEY']`.
    Label(String),
    /// `spec.nodeName`.
    NodeName,
    /// `status.podIP`.
    PodIp,
    /// `status.hostIP`.
    HostIp,
}

/// Every key of a `ConfigMap` as a variable.
#[derive(Clone, Debug)]
pub struct EnvFrom {
    /// What the variables' names start with.
    pub prefix: String,
    /// The `ConfigMap`'s name.
    pub config_map: String,
    /// Whether it may be absent.
    pub optional: bool,
    /// Where it stands.
    pub field: Field,
}

/// Reads `env` of the container at `field`.
pub fn variables(
    document: &Arc<Document>,
    field: &Field,
    declared: &KubeContainer,
) -> Result<Vec<EnvVar>, ManifestError> {
    let variables = declared.env.iter().flatten().enumerate().map(|(index, variable)| {
        let field = field.key("env").index(index);
        if variable.name.is_empty() || variable.name.contains('=') {
            return Err(document.error(&field.key("name"), "a variable needs a name without `=`"));
        }
        let source = match (&variable.value, &variable.value_from) {
            (Some(value), Some(_)) if !value.is_empty() => {
                return Err(document.key_error(&field.key("valueFrom"), "must not be set together with value"));
            }
            (_, Some(from)) => source(document, &field.key("valueFrom"), from)?,
            (value, None) => EnvSource::Value(value.clone().unwrap_or_default()),
        };
        Ok(EnvVar { name: variable.name.clone(), source, field })
    });
    variables.collect()
}

fn source(document: &Arc<Document>, field: &Field, from: &EnvVarSource) -> Result<EnvSource, ManifestError> {
    match (&from.config_map_key_ref, &from.field_ref) {
        (Some(reference), None) => Ok(EnvSource::ConfigMap {
            name: reference.name.clone(),
            key: reference.key.clone(),
            optional: reference.optional.unwrap_or(false),
        }),
        (None, Some(reference)) => fact(&reference.field_path).map(EnvSource::Pod).ok_or_else(|| {
            let message = format!("`{}` is not implemented by the dataplane cluster", reference.field_path);
            let known =
                "metadata.name, metadata.namespace, metadata.labels['KEY'], spec.nodeName, status.podIP, status.hostIP";
            document.error(&field.then("fieldRef.fieldPath"), message).help(format!("known are {known}"))
        }),
        _ => Err(document.error(field, "needs exactly one of configMapKeyRef and fieldRef")),
    }
}

fn fact(path: &str) -> Option<PodFact> {
    match path {
        "metadata.name" => Some(PodFact::Name),
        "metadata.namespace" => Some(PodFact::Namespace),
        "spec.nodeName" => Some(PodFact::NodeName),
        "status.podIP" => Some(PodFact::PodIp),
        "status.hostIP" => Some(PodFact::HostIp),
        other => {
            let key = other.strip_prefix("metadata.labels['")?.strip_suffix("']")?;
            Some(PodFact::Label(key.to_owned()))
        }
    }
}

/// Reads `envFrom` of the container at `field`.
pub fn from_config_maps(
    document: &Arc<Document>,
    field: &Field,
    declared: &KubeContainer,
) -> Result<Vec<EnvFrom>, ManifestError> {
    let sources = declared.env_from.iter().flatten().enumerate().map(|(index, from)| {
        let field = field.key("envFrom").index(index);
        let reference = from.config_map_ref.as_ref();
        let reference = reference.ok_or_else(|| document.error(&field, "needs a configMapRef"))?;
        Ok(EnvFrom {
            prefix: from.prefix.clone().unwrap_or_default(),
            config_map: reference.name.clone(),
            optional: reference.optional.unwrap_or(false),
            field,
        })
    });
    sources.collect()
}
