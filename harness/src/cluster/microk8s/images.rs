//! The agent's image in MicroK8s's containerd.

use std::io::Read as _;

use serde_json::Value;

use super::{
    added::Added,
    additions::Additions,
    error::MicroK8sError,
    image_list,
    node::{Node, said},
};
use crate::{cluster::image::Image, provider::Command};

const LIST: [&str; 4] = ["microk8s", "ctr", "image", "list"];

/// Imports an image unless containerd has this very one, and looks afterwards whether it is there.
pub async fn import(node: Node<'_>, image: &Image, added: &mut dyn Additions) -> Result<(), MicroK8sError> {
    let unusable = |reason: String| MicroK8sError::NotImported {
        machine: node.name().to_owned(),
        image: image.full_name(),
        said: reason,
    };
    let archive = image.archive().map_err(|error| unusable(error.to_string()))?;
    let digest = digest(&archive).ok_or_else(|| unusable("the archive has no manifest".to_owned()))?;
    let name = image.full_name();
    if node.ask(&LIST, |list| image_list::holds(list, &name, &digest)).await? {
        return Ok(());
    }
    added.add(Added::Image(name.clone()))?;
    let command = Command::new(["microk8s", "ctr", "image", "import", "-"]).stdin(archive).limit(node.limits().import);
    let output = node.machine().run(&command).await?;
    if node.ask(&LIST, |list| image_list::holds(list, &name, &digest)).await? {
        return Ok(());
    }
    Err(unusable(said(&output)))
}

/// Digest of the first manifest of an OCI archive.
fn digest(archive: &[u8]) -> Option<String> {
    let mut archive = tar::Archive::new(archive);
    let mut index = archive
        .entries()
        .ok()?
        .filter_map(Result::ok)
        .find(|entry| entry.path().is_ok_and(|path| path.as_os_str() == "index.json"))?;
    let mut text = String::new();
    index.read_to_string(&mut text).ok()?;
    let index: Value = serde_json::from_str(&text).ok()?;
    Some(index.pointer("/manifests/0/digest")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::digest;
    use crate::cluster::image::Image;

    #[test]
    fn the_digest_is_the_archive_s_own() {
        let image = Image { name: "pathlab/a:7".to_owned(), ..Image::default() };
        let found = digest(&image.archive().expect("written")).expect("a manifest");
        assert!(found.starts_with("sha256:") && found.len() == 71, "{found}");
        assert_eq!(digest(b"no archive"), None);
    }
}
