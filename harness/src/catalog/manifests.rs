//! The manifests of a scenario: files in its folder, and nowhere else.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::{
    at::At,
    problem::CatalogError,
    scenario::Manifest,
    source::{Source, read_text, shown},
};
use crate::hex;

/// Reads the manifests that `scenario.yaml` (the `source`) names.
pub(super) fn read(
    source: &Source,
    dir: &Utf8Path,
    names: &At<Vec<At<String>>>,
) -> Result<Vec<Manifest>, CatalogError> {
    if names.is_empty() {
        return Err(source.error(names.span, "there are no manifests, expected at least one").label("empty"));
    }
    let mut manifests: Vec<Manifest> = Vec::new();
    for name in &names.value {
        let manifest = manifest(source, dir, name)?;
        if manifests.iter().any(|earlier| earlier.path == manifest.path) {
            return Err(source.error(name.span, format!("the manifest `{}` stands twice", name.value)));
        }
        manifests.push(manifest);
    }
    Ok(manifests)
}

fn manifest(source: &Source, dir: &Utf8Path, name: &At<String>) -> Result<Manifest, CatalogError> {
    let here = |message: String| source.error(name.span, message);
    let path = plain(name).ok_or_else(|| {
        here(format!("`{}` is outside of the scenario's folder, expected a file in it", name.value))
            .label("leaves the folder")
    })?;
    let file = dir.join(&path);
    if let Err(error) = fs::metadata(&file) {
        let reason = if error.kind() == std::io::ErrorKind::NotFound { "does not exist" } else { "cannot be read" };
        let error = here(format!("the manifest `{path}` {reason}")).label("no such file");
        return Err(error.advice(format!("expected the file {file}")));
    }
    if !is_inside(dir, &file) {
        let error = here(format!("the manifest `{path}` is a link out of the scenario's folder"));
        return Err(error.label("leaves the folder"));
    }
    let text = read_text(&file).map_err(|problem| problem.advice(format!("named in {}", source.name)))?;
    if text.trim().is_empty() {
        return Err(CatalogError::in_file(&shown(&file), 1, 1, "the manifest is empty"));
    }
    Ok(Manifest { path, sha256: hex::sha256(&text), text: text.into() })
}

/// The relative path without `.`; none when it is empty, absolute, or climbs.
fn plain(name: &str) -> Option<Utf8PathBuf> {
    let mut path = Utf8PathBuf::new();
    for component in Utf8Path::new(name).components() {
        match component {
            Utf8Component::Normal(part) => path.push(part),
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir | Utf8Component::RootDir | Utf8Component::Prefix(_) => return None,
        }
    }
    (!path.as_str().is_empty()).then_some(path)
}

/// Whether the file is below the folder once every link is followed.
fn is_inside(dir: &Utf8Path, file: &Utf8Path) -> bool {
    let real = |path: &Utf8Path| fs::canonicalize(path).ok();
    real(dir).zip(real(file)).is_some_and(|(dir, file)| file.starts_with(dir))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn only_paths_in_the_folder_are_plain() {
        assert_eq!(plain("./a/b.yaml").as_deref(), Some("a/b.yaml".into()));
        for name in ["", ".", "..", "../a", "a/../../b", "/etc/passwd"] {
            assert_eq!(plain(name), None, "{name}");
        }
    }
}
