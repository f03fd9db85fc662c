//! One archive per machine: the collected files and a manifest.

use std::io::{self, Write};

use camino::Utf8Path;
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;

use super::collect::{Collected, Evidence};
use crate::{hex, model::EvidenceFile};

/// Why an archive could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the evidence of {machine} to {path}")]
pub struct BundleError {
    machine: String,
    path: String,
    source: io::Error,
}

/// The archive's own list of contents.
#[derive(Serialize)]
struct Manifest<'a> {
    machine: &'a str,
    distro: &'a str,
    files: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    path: &'a str,
    command: &'a str,
    /// Exit status; null when the program could not be run (it is not installed, for instance).
    status: Option<i32>,
    bytes: usize,
    sha256: String,
    /// Secrets that were taken out.
    redacted: usize,
}

/// Writes `evidence/NAME.tar.gz` below the report's folder. `name` must be unique in the report: a machine's name
/// recurs in each cluster.
///
/// # Errors
/// When the file cannot be written.
pub fn write(evidence: &Evidence, report: &Utf8Path, name: &str) -> Result<EvidenceFile, BundleError> {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '_' };
    let path = Utf8Path::new("evidence").join(format!("{}.tar.gz", name.chars().map(safe).collect::<String>()));
    let full = report.join(&path);
    let written = write_archive(evidence, &full).inspect_err(|_| {
        // Half an archive is of no use, and takes the room that the report needs.
        drop(fs_err::remove_file(&full));
    });
    let bytes =
        written.map_err(|source| BundleError { machine: evidence.machine.clone(), path: full.to_string(), source })?;
    Ok(EvidenceFile { machine: evidence.machine.clone(), path, bytes })
}

fn write_archive(evidence: &Evidence, path: &Utf8Path) -> io::Result<u64> {
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent)?;
    }
    let file = fs_err::File::create(path)?;
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    let manifest = Manifest {
        machine: &evidence.machine,
        distro: &evidence.distro,
        files: evidence.collected.iter().map(entry).collect(),
    };
    let manifest = serde_json::to_vec_pretty(&manifest)?;
    append(&mut archive, "manifest.json", &manifest)?;
    for one in &evidence.collected {
        append(&mut archive, &one.path, one.text.as_bytes())?;
    }
    archive.into_inner()?.finish()?.flush()?;
    Ok(fs_err::metadata(path)?.len())
}

fn entry(one: &Collected) -> Entry<'_> {
    Entry {
        path: &one.path,
        command: &one.command,
        status: one.status,
        bytes: one.text.len(),
        sha256: hex::sha256(&one.text),
        redacted: one.redacted,
    }
}

fn append(archive: &mut tar::Builder<impl Write>, path: &str, content: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(u64::try_from(content.len()).unwrap_or(u64::MAX));
    header.set_mode(0o644);
    header.set_mtime(0);
    archive.append_data(&mut header, path, content)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read as _};

    use flate2::read::GzDecoder;

    use super::{Evidence, write};
    use crate::diagnose::evidence::{Area, Collected};

    #[test]
    fn an_archive_holds_what_its_manifest_says() {
        let dir = tempfile::tempdir().expect("folder");
        let report = camino::Utf8Path::from_path(dir.path()).expect("UTF-8");
        let one = |name: &str, status, text: &str| Collected {
            area: Area::Ufw,
            name: name.to_owned(),
            path: format!("ufw/{name}.txt"),
            command: format!("ufw {name}"),
            status,
            text: text.to_owned(),
            redacted: 0,
        };
        let evidence = Evidence {
            machine: "node-1".to_owned(),
            distro: "rhel-9.5".to_owned(),
            collected: vec![one("status", Some(0), "active\n"), one("version", None, "not found")],
        };
        let file = write(&evidence, report, "pod-ip-502::rhel-9.5/node-1").expect("written");
        assert_eq!(file.path, "evidence/pod-ip-502__rhel-9.5_node-1.tar.gz");
        let bytes = std::fs::read(report.join(&file.path)).expect("file");
        assert_eq!(u64::try_from(bytes.len()).expect("small"), file.bytes);
        let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        let mut contents = BTreeMap::new();
        for entry in archive.entries().expect("entries") {
            let mut entry = entry.expect("entry");
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            contents.insert(entry.path().expect("path").to_string_lossy().into_owned(), text);
        }
        assert_eq!(contents["ufw/status.txt"], "active\n");
        let manifest: serde_json::Value = serde_json::from_str(&contents["manifest.json"]).expect("JSON");
        assert_eq!(manifest["files"][0]["bytes"], 7);
        assert_eq!(manifest["files"][1]["status"], serde_json::Value::Null);
        assert_eq!(manifest["files"][0]["sha256"].as_str().map(str::len), Some(64));
    }
}
