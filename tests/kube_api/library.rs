//! The manifests of the library, as they are.

use std::{fs, path::Path, time::Duration};

use libtest_mimic::Failed;
use pathlab::{catalog::scenario::Manifest, cluster::kube::Applied};

use crate::{Cluster, ensure, workload::manifest};

const LIMIT: Duration = Duration::from_secs(60);

/// Scenarios that need a later server, with the field that 1.20 does not have.
const LATER: [(&str, &str); 3] = [
    ("service-traffic", "internalTrafficPolicy"),
    ("service-sessions", "internalTrafficPolicy"),
    ("network-policy", "endPort"),
];

/// This server has one version of IP only.
const DUAL_STACK: &str = "dual-stack";

/// Every scenario's manifests are taken by the server, and go away again.
pub async fn all_are_taken(cluster: Cluster) -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut taken = 0;
    for library in ["scenarios", "tests/scenarios"] {
        for entry in fs::read_dir(root.join(library))?.filter_map(Result::ok).filter(|entry| entry.path().is_dir()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != DUAL_STACK {
                let manifests = manifests(&entry.path())?;
                one_is_taken(&cluster, &name, &manifests).await.map_err(|error| format!("{name}: {error}"))?;
                taken += 1;
            }
        }
    }
    ensure(taken > 10, || format!("only {taken} scenarios were found"))
}

fn manifests(folder: &Path) -> Result<Vec<Manifest>, Failed> {
    let mut manifests = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.extension().is_some_and(|kind| kind == "yaml") && name != "scenario.yaml" {
            manifests.push(manifest(name, &fs::read_to_string(&path)?));
        }
    }
    Ok(manifests)
}

async fn one_is_taken(cluster: &Cluster, name: &str, manifests: &[Manifest]) -> Result<(), String> {
    let api = &cluster.api;
    let mut applied = Applied::default();
    let later = LATER.iter().find(|(scenario, _)| *scenario == name);
    match (api.apply(manifests, &mut applied).await, later) {
        (Ok(()), None) => api.rolled_out(&applied, LIMIT).await.map_err(|error| format!("roll out: {error}"))?,
        (Ok(()), Some((_, field))) => return Err(format!("the server knows {field}")),
        (Err(error), Some((_, field))) if error.to_string().contains(&format!("{field}: field not declared")) => {}
        (Err(error), _) => return Err(format!("apply: {error}")),
    }
    api.delete(&applied, LIMIT).await.map_err(|error| format!("delete: {error}"))
}
