//! `ConfigMap` volumes and where containers mount them.

use std::{collections::BTreeMap, sync::Arc};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, Container as KubeContainer, PodSpec};

use super::{document::Document, error::ManifestError, field::Field};

/// The `ConfigMap` volumes of a pod, by name.
pub type Volumes = BTreeMap<String, Volume>;

/// A `ConfigMap` as a volume.
#[derive(Clone, Debug)]
pub struct Volume {
    /// The `ConfigMap`'s name.
    pub config_map: String,
    /// Keys with the paths of their files; none means every key under its own name.
    pub items: Option<BTreeMap<String, Utf8PathBuf>>,
    /// Mode of the files.
    pub mode: u32,
    /// Whether the `ConfigMap` or a key may be absent.
    pub optional: bool,
    /// Where it stands.
    pub field: Field,
}

/// A volume in a container.
#[derive(Clone, Debug)]
pub struct Mount {
    /// What is mounted.
    pub volume: Volume,
    /// Where, an absolute path.
    pub path: Utf8PathBuf,
    /// The one file of the volume that is mounted at `path`; none means all of them below it.
    pub sub_path: Option<Utf8PathBuf>,
    /// Where it stands.
    pub field: Field,
}

/// Reads the volumes of the pod's spec at `field`.
pub fn volumes(document: &Arc<Document>, field: &Field, spec: &PodSpec) -> Result<Volumes, ManifestError> {
    let mut volumes = Volumes::new();
    for (index, declared) in spec.volumes.iter().flatten().enumerate() {
        let field = field.key("volumes").index(index);
        let source = declared.config_map.as_ref();
        let source = source.ok_or_else(|| document.error(&field, "a volume needs a configMap"))?;
        let volume = volume(document, field.key("configMap"), source)?;
        if volumes.insert(declared.name.clone(), volume).is_some() {
            return Err(document.error(&field.key("name"), "another volume of the pod has the same name"));
        }
    }
    Ok(volumes)
}

fn volume(document: &Arc<Document>, field: Field, source: &ConfigMapVolumeSource) -> Result<Volume, ManifestError> {
    if source.name.is_empty() {
        return Err(document.error(&field.key("name"), "a configMap volume needs the name of a ConfigMap"));
    }
    let mode = u32::try_from(source.default_mode.unwrap_or(0o644)).ok().filter(|mode| *mode <= 0o777);
    let mode = mode.ok_or_else(|| document.error(&field.key("defaultMode"), "must be 0 to 0777"))?;
    let mut items = None;
    for (index, item) in source.items.iter().flatten().enumerate() {
        let field = field.key("items").index(index);
        if item.mode.is_some() {
            return Err(document.key_error(&field.key("mode"), "not implemented by the dataplane cluster"));
        }
        let path = relative(&item.path).ok_or_else(|| {
            document.error(&field.key("path"), "must be a relative path that does not leave its folder")
        })?;
        items.get_or_insert_with(BTreeMap::new).insert(item.key.clone(), path);
    }
    Ok(Volume { config_map: source.name.clone(), items, mode, optional: source.optional.unwrap_or(false), field })
}

/// Reads the mounts of the container at `field`.
pub fn mounts(
    document: &Arc<Document>,
    field: &Field,
    declared: &KubeContainer,
    volumes: &Volumes,
) -> Result<Vec<Mount>, ManifestError> {
    let mounts = declared.volume_mounts.iter().flatten().enumerate().map(|(index, mount)| {
        let field = field.key("volumeMounts").index(index);
        let volume = volumes
            .get(&mount.name)
            .ok_or_else(|| document.error(&field.key("name"), format!("the pod has no volume `{}`", mount.name)))?;
        let path = Utf8PathBuf::from(&mount.mount_path);
        let plain = path.components().all(|part| matches!(part, Utf8Component::RootDir | Utf8Component::Normal(_)));
        if !path.is_absolute() || !plain || path.file_name().is_none() {
            return Err(document.error(&field.key("mountPath"), "must be an absolute path without `..`"));
        }
        let sub_path = mount.sub_path.as_deref().filter(|text| !text.is_empty());
        let sub_path = sub_path.map(|text| {
            let problem = "must be a relative path that does not leave its folder";
            relative(text).ok_or_else(|| document.error(&field.key("subPath"), problem))
        });
        Ok(Mount { volume: volume.clone(), path, sub_path: sub_path.transpose()?, field })
    });
    mounts.collect()
}

fn relative(text: &str) -> Option<Utf8PathBuf> {
    let path = Utf8Path::new(text);
    let plain = path.components().all(|part| matches!(part, Utf8Component::Normal(_)));
    (plain && !text.is_empty()).then(|| path.to_owned())
}
