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
    let Digests { manifest: digest, config } =
        digests(&archive).ok_or_else(|| unusable("the archive has no manifest".to_owned()))?;
    let name = image.full_name();
    if node.ask(&LIST, |list| image_list::holds(list, &name, &digest)).await? {
        return Ok(());
    }
    // containerd's part for the kubelet names it by its configuration, too.
    added.add(Added::Image(config))?;
    added.add(Added::Image(name.clone()))?;
    let command = Command::new(["microk8s", "ctr", "image", "import", "-"]).stdin(archive).limit(node.limits().import);
    let output = node.machine().run(&command).await?;
    if node.ask(&LIST, |list| image_list::holds(list, &name, &digest)).await? {
        return Ok(());
    }
    Err(unusable(said(&output)))
}

/// What an image is known by beside its name.
struct Digests {
    manifest: String,
    config: String,
}

/// Those of the first image of an OCI archive.
fn digests(archive: &[u8]) -> Option<Digests> {
    let text = |of: &Value, pointer: &str| Some(of.pointer(pointer)?.as_str()?.to_owned());
    let manifest = text(&json(archive, "index.json")?, "/manifests/0/digest")?;
    let blob = json(archive, &format!("blobs/{}", manifest.replace(':', "/")))?;
    Some(Digests { config: text(&blob, "/config/digest")?, manifest })
}

/// A file of an archive.
fn json(archive: &[u8], path: &str) -> Option<Value> {
    let mut archive = tar::Archive::new(archive);
    let mut entries = archive.entries().ok()?.filter_map(Result::ok);
    let mut entry = entries.find(|entry| entry.path().is_ok_and(|found| found.as_os_str() == path))?;
    let mut text = String::new();
    entry.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::digests;
    use crate::cluster::image::Image;

    #[test]
    fn the_digests_are_the_archive_s_own() {
        let image = Image { name: "pathlab/a:7".to_owned(), ..Image::default() };
        let found = digests(&image.archive().expect("written")).expect("a manifest");
        for digest in [&found.manifest, &found.config] {
            assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
        }
        assert_ne!(found.manifest, found.config);
        assert!(digests(b"no archive").is_none());
    }
}
