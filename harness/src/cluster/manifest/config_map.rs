//! `ConfigMaps`.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::ConfigMap as KubeConfigMap;

use super::{document::Document, error::ManifestError, field::Field, meta::Meta, name::NameKind, typed::typed};

/// A `ConfigMap` as declared.
#[derive(Clone, Debug)]
pub struct ConfigMap {
    /// Name and namespace.
    pub meta: Meta,
    /// Values by key; those of `binaryData` are decoded.
    pub data: BTreeMap<String, Vec<u8>>,
    /// The document, for errors.
    pub origin: Arc<Document>,
}

impl ConfigMap {
    /// Reads and checks a `ConfigMap`.
    pub fn read(document: &Arc<Document>) -> Result<Self, ManifestError> {
        let map: KubeConfigMap = typed(document)?;
        super::fields::check(document, "ConfigMap")?;
        let meta = Meta::read(document, &map.metadata, NameKind::Subdomain, &[])?;
        let mut data = BTreeMap::new();
        for (key, value) in map.data.into_iter().flatten() {
            check_key(document, "data", &key)?;
            data.insert(key, value.into_bytes());
        }
        for (key, value) in map.binary_data.into_iter().flatten() {
            check_key(document, "binaryData", &key)?;
            if data.insert(key.clone(), value.0).is_some() {
                return Err(document.key_error(&Field::keys("binaryData").key(key), "stands in data too"));
            }
        }
        Ok(Self { meta, data, origin: Arc::clone(document) })
    }
}

fn check_key(document: &Arc<Document>, list: &str, key: &str) -> Result<(), ManifestError> {
    let good = !key.is_empty()
        && key.len() <= 253
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && key != "."
        && !key.starts_with("..");
    if good {
        return Ok(());
    }
    let message = "no valid key: letters, digits, `-`, `_` and `.`, not `.` alone, not starting with `..`";
    Err(document.key_error(&Field::keys(list).key(key), message))
}
