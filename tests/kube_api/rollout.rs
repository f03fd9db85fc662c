//! Pods that do not come up.

use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use pathlab::cluster::kube::{Applied, KubeError};

use crate::{Cluster, ensure, workload::manifest};

/// A Deployment of one pod with this image and these lines in its pod's `spec`.
fn deployment(image: &str, spec: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web }}\nspec:\n  \
         selector: {{ matchLabels: {{ app: web }} }}\n  template:\n    metadata: {{ labels: {{ app: web }} }}\n    \
         spec:\n      {spec}\n      containers: [{{ name: web, image: \"{image}\" }}]\n"
    )
}

/// Each ends as early as its reason allows, and quotes it.
pub async fn say_why(cluster: Cluster) -> Result<(), Failed> {
    let missing: &[&str] = &[
        "Deployment default/web did not come up within ",
        ": 0 of 1 pods are available\n  pod web-",
        " on node-",
        ", container web: ErrImageNeverPull: Container image \"nowhere/missing:1\" is not present with pull policy of Never",
        "\n  event: Pod web-",
        ": Failed: Container image \"nowhere/missing:1\" is not present",
    ];
    let unknown: &[&str] = &[
        ", container web: ErrImagePull: failed to resolve reference \"registry/web:1\": not found",
        ": Failed: failed to resolve reference \"registry/web:1\": not found",
    ];
    let crash: &[&str] = &["CrashLoopBackOff: back-off 10s", "it ended 3 times, last with status 7, Error"];
    let nowhere: &[&str] = &["Unschedulable: 0/2 nodes are available", "event: Pod web-", "FailedScheduling"];
    // What is hopeless is told before its limit, all else soon after.
    for (text, limit, at_most, expected) in [
        (deployment("nowhere/missing:1", ""), 120, 120, missing),
        (deployment("registry/web:1", ""), 120, 120, unknown),
        (deployment("crash:1", ""), 5, 60, crash),
        (deployment("pathlab/agent:1", "nodeSelector: { moon: full }"), 5, 60, nowhere),
    ] {
        let mut applied = Applied::default();
        cluster.api.apply(&[manifest("web.yaml", &text)], &mut applied).await?;
        let start = Instant::now();
        let error = cluster.api.rolled_out(&applied, Duration::from_secs(limit)).await.err().ok_or("came up")?;
        ensure(start.elapsed() < Duration::from_secs(at_most), || format!("{:?}: {error}", start.elapsed()))?;
        ensure(matches!(error, KubeError::NotRolledOut { .. }), || format!("{error:?}"))?;
        let said = error.to_string();
        for part in expected {
            ensure(said.contains(part), || format!("{said}\nlacks\n{part}"))?;
        }
        cluster.api.delete(&applied, Duration::from_secs(60)).await?;
    }
    Ok(())
}
