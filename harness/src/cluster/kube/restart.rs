//! Making the pods of a workload anew, as `kubectl rollout restart` does.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{api::KubeApi, apply::FIELD_MANAGER, error::KubeError};

/// The annotation that `kubectl` changes in the template.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

impl KubeApi {
    /// Has a `Deployment` or `DaemonSet` make its pods anew; does not wait for them.
    pub async fn restart(&self, kind: &str, namespace: &str, name: &str) -> Result<(), KubeError> {
        let Some(found) = self.kind("apps/v1", kind).await? else {
            return Err(KubeError::Missing(self.absent("apps/v1", kind).await));
        };
        let now = jiff::Timestamp::now().to_string();
        let patch = json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}});
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let api = self.dynamic(&found, Some(namespace));
        // The same time said twice changes nothing.
        let patch = Patch::Merge(&patch);
        let what = format!("restart {kind} {namespace}/{name}");
        self.patiently(what, || api.patch(name, &parameters, &patch)).await.map(drop)
    }
}
