//! An OCI image layout as one tar archive.

use std::io;

use serde_json::json;
use tar::{Builder, EntryType, Header};

use super::{Image, digest::Blob, layer};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The archive of an image for machines like this one.
pub(super) fn write(image: &Image) -> io::Result<Vec<u8>> {
    let layer = Blob::new(LAYER, layer::write(&image.entries)?);
    let config = Blob::json(
        CONFIG,
        &json!({
            "created": "1970-01-01T00:00:00Z",
            "architecture": architecture(),
            "os": "linux",
            "config": {
                "Entrypoint": image.entrypoint,
                "Cmd": image.arguments,
                "Env": image.environment,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.digest()]},
        }),
    );
    let manifest = Blob::json(
        MANIFEST,
        &json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(),
            "layers": [layer.descriptor()],
        }),
    );
    let mut named = manifest.descriptor();
    // The first is containerd's, which takes the name as it stands; the second the standard's, which knows tags only.
    let tag = image.name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
    named["annotations"] =
        json!({"io.containerd.image.name": image.full_name(), "org.opencontainers.image.ref.name": tag});
    named["platform"] = json!({"architecture": architecture(), "os": "linux"});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]});

    let mut tar = Builder::new(Vec::new());
    file(&mut tar, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    file(&mut tar, "index.json", index.to_string().as_bytes())?;
    for blob in [&manifest, &config, &layer] {
        file(&mut tar, &format!("blobs/sha256/{}", blob.sha256), &blob.bytes)?;
    }
    tar.into_inner()
}

/// As the OCI format calls it.
const fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn file(tar: &mut Builder<Vec<u8>>, path: &str, content: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, path, content)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read as _};

    use serde_json::Value;
    use sha2::{Digest as _, Sha256};

    use super::super::{Entry, Image};

    fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(archive);
        let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("read");
            (path, content)
        };
        archive.entries().expect("an archive").map(read).collect()
    }

    fn sample() -> Image {
        let entry = Entry::File { path: "/bin/a".into(), content: b"content".to_vec(), mode: 0o755 };
        Image {
            name: "pathlab/a:7".into(),
            entries: vec![entry],
            entrypoint: vec!["/bin/a".into()],
            ..Image::default()
        }
    }

    #[test]
    fn every_blob_is_what_its_name_says_and_is_named() {
        let files = files(&sample().archive().expect("written"));
        let json = |path: &str| -> Value { serde_json::from_slice(&files[path]).expect("JSON") };
        let index = json("index.json");
        let annotations = &index["manifests"][0]["annotations"];
        assert_eq!(annotations["io.containerd.image.name"], "docker.io/pathlab/a:7");
        assert_eq!(annotations["org.opencontainers.image.ref.name"], "7");
        let path = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().expect("a digest");
            let path = format!("blobs/{}", digest.replace(':', "/"));
            assert_eq!(descriptor["size"], files[&path].len());
            let digits = digest.strip_prefix("sha256:").expect("a SHA-256");
            let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
            let real: Vec<u8> = Sha256::digest(&files[&path]).to_vec();
            assert_eq!((0..64).step_by(2).map(digit).collect::<Vec<u8>>(), real);
            path
        };
        let manifest = json(&path(&index["manifests"][0]));
        let config = json(&path(&manifest["config"]));
        path(&manifest["layers"][0]);
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
        assert_eq!(config["config"]["Entrypoint"][0], "/bin/a");
        assert_eq!(files.len(), 5);
    }

    #[test]
    fn the_same_image_has_the_same_bytes() {
        assert_eq!(sample().archive().expect("written"), sample().archive().expect("written"));
    }
}
