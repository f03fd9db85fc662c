//! The manifests of the library, as they are.

use std::{path::Path, time::Duration};

use libtest_mimic::Failed;
use pathlab::cluster::kube::Applied;

use crate::{Cluster, ensure, workload::manifest};

const LIMIT: Duration = Duration::from_secs(60);

/// Every scenario's manifests are taken by the server, and go away again.
pub async fn all_are_taken(cluster: Cluster) -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut scenarios = 0;
    for library in ["scenarios", "tests/scenarios"] {
        for folder in
            std::fs::read_dir(root.join(library))?.filter_map(Result::ok).filter(|entry| entry.path().is_dir())
        {
            let mut manifests = Vec::new();
            for file in std::fs::read_dir(folder.path())? {
                let path = file?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
                if name.ends_with(".yaml") && name != "scenario.yaml" {
                    manifests.push(manifest(&name, &std::fs::read_to_string(&path)?));
                }
            }
            let what = folder.path().display().to_string();
            // A server of 1.20 has one version of IP unless it is told otherwise, and no `internalTrafficPolicy`.
            if ["dual-stack", "service-traffic"].iter().any(|name| what.ends_with(name)) {
                continue;
            }
            let said = |step: &str, error: String| Failed::from(format!("{what}: {step}: {error}"));
            let mut applied = Applied::default();
            cluster.api.apply(&manifests, &mut applied).await.map_err(|error| said("apply", error.to_string()))?;
            let up = cluster.api.rolled_out(&applied, LIMIT).await;
            up.map_err(|error| said("roll out", error.to_string()))?;
            cluster.api.delete(&applied, LIMIT).await.map_err(|error| said("delete", error.to_string()))?;
            scenarios += 1;
        }
    }
    ensure(scenarios > 10, || format!("only {scenarios} scenarios were found"))
}
