//! Waiting until what the API says of a node's pods is of after the node's restart.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};
use tokio::time::{Instant, sleep};

use super::{
    api::{KubeApi, PAUSE},
    error::KubeError,
    pods::is_ready,
};

impl KubeApi {
    /// Waits until no pod of a node is called ready for containers that ended with the node's restart at `since`.
    pub async fn restarted_on(&self, node: &str, since: Timestamp, limit: Duration) -> Result<(), KubeError> {
        let pods: Api<Pod> = Api::all(self.client.clone());
        let end = Instant::now() + limit;
        loop {
            let params = ListParams::default().fields(&format!("spec.nodeName={}", node.to_lowercase()));
            let all = self.patiently(format!("list the pods of node {node}"), || pods.list(&params)).await?.items;
            let Some(old) = all.iter().find(|pod| is_old(pod, since)) else { return Ok(()) };
            if Instant::now() >= end {
                let name = old.metadata.name.as_deref().unwrap_or_default();
                return Err(KubeError::Missing(format!(
                    "the kubelet of {node} has said nothing of the pod {name} within {limit:?} of the node's restart"
                )));
            }
            sleep(PAUSE).await;
        }
    }
}

/// Whether a pod is called ready for containers of before.
fn is_old(pod: &Pod, since: Timestamp) -> bool {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let mut started =
        statuses.filter_map(|status| Some(status.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0.as_second()));
    is_ready(pod) && started.any(|started| started < since.as_second())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_old;

    #[test]
    fn containers_of_before_the_restart_are_old() {
        let pod = |ready: &str, started: &str| {
            let status = json!({"conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [{"name": "a", "image": "a", "imageID": "a", "ready": true, "restartCount": 0,
                    "state": {"running": {"startedAt": started}}}]});
            serde_json::from_value(json!({"metadata": {"name": "a"}, "status": status})).expect("a pod")
        };
        let since = "2026-01-01T12:00:00Z".parse().expect("a time");
        assert!(is_old(&pod("True", "2026-01-01T11:59:59Z"), since));
        assert!(!is_old(&pod("True", "2026-01-01T12:00:01Z"), since));
        assert!(!is_old(&pod("False", "2026-01-01T11:59:59Z"), since), "the kubelet has looked");
    }
}
