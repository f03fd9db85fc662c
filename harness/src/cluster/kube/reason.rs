//! Why a pod does not come up, by what its status says, and how long each reason may last.

use std::{fmt, time::Duration};

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The pod.
    pub pod: String,
    /// Its node, once it has one.
    pub node: Option<String>,
    /// The container, where the reason is one container's.
    pub container: Option<String>,
    /// Kubernetes' word for it: `ErrImageNeverPull`, `Unschedulable`.
    pub word: String,
    /// Its message.
    pub message: String,
}

/// Everything that explains why something did not come up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// What the pods' status says.
    pub pods: Vec<Reason>,
    /// Warnings among the events: `OBJECT: REASON: MESSAGE`.
    pub events: Vec<String>,
    /// The last lines that containers printed before they ended: `POD/CONTAINER` and lines.
    pub logs: Vec<(String, Vec<String>)>,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod {}", self.pod)?;
        if let Some(node) = &self.node {
            write!(f, " on {node}")?;
        }
        if let Some(container) = &self.container {
            write!(f, ", container {container}")?;
        }
        write!(f, ": {}", self.word)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pods.iter().try_for_each(|reason| write!(f, "\n  {reason}"))?;
        self.events.iter().try_for_each(|event| write!(f, "\n  event: {event}"))?;
        for (container, lines) in &self.logs {
            write!(f, "\n  {container} printed last:")?;
            lines.iter().try_for_each(|line| write!(f, "\n    {line}"))?;
        }
        Ok(())
    }
}

impl Reason {
    /// How long this may last before waiting on is in vain; none when only the whole time limit decides.
    pub(super) fn patience(&self) -> Option<Duration> {
        let seconds = match self.word.as_str() {
            // Nothing will bring the image or mend its name.
            "ErrImageNeverPull" | "InvalidImageName" => 1,
            // The kubelet has tried twice by then.
            "ErrImagePull"
            | "ImagePullBackOff"
            | "ImageInspectError"
            | "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError" => 12,
            // A program that waits for another may crash once or twice; a node may still become ready.
            "CrashLoopBackOff" | "Unschedulable" => 20,
            _ => return None,
        };
        Some(Duration::from_secs(seconds))
    }

    /// What stays the same while the kubelet tries again: an image that cannot be pulled has two words in turn.
    pub(super) fn trouble(&self) -> (String, Option<String>, &str) {
        let kind = match self.word.as_str() {
            "ErrImagePull" | "ImagePullBackOff" => "image",
            word => word,
        };
        (self.pod.clone(), self.container.clone(), kind)
    }

    /// Whether the container ran and ended, so that it may have said why.
    pub(super) fn has_printed(&self) -> bool {
        self.word == "CrashLoopBackOff" || self.word == "ContainerEnded"
    }
}

/// The reasons that a pod's status gives; none when it is ready or just starts.
pub(super) fn of_pod(pod: &Pod) -> Vec<Reason> {
    let status = pod.status.clone().unwrap_or_default();
    let reason = |container: Option<&str>, word: &str, message: &str| Reason {
        pod: pod.metadata.name.clone().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        container: container.map(str::to_owned),
        word: word.to_owned(),
        message: message.to_owned(),
    };
    let mut reasons = Vec::new();
    if let Some(word) = &status.reason {
        reasons.push(reason(None, word, status.message.as_deref().unwrap_or_default()));
    }
    for condition in status.conditions.iter().flatten() {
        if condition.type_ == "PodScheduled" && condition.status == "False" {
            let word = condition.reason.as_deref().unwrap_or("NotScheduled");
            reasons.push(reason(None, word, condition.message.as_deref().unwrap_or_default()));
        }
    }
    let containers = [&status.init_container_statuses, &status.container_statuses];
    for container in containers.into_iter().flatten().flatten() {
        if let Some((word, message)) = of_container(container) {
            reasons.push(reason(Some(&container.name), &word, &message));
        }
    }
    reasons
}

/// Word and message for a container that does not run or is not ready.
fn of_container(container: &ContainerStatus) -> Option<(String, String)> {
    let state = container.state.clone().unwrap_or_default();
    if let Some(waiting) = state.waiting {
        let word = waiting.reason.filter(|word| !["ContainerCreating", "PodInitializing"].contains(&word.as_str()))?;
        let ended = last_end(container).filter(|_| word == "CrashLoopBackOff");
        let message = [waiting.message, ended].into_iter().flatten().collect::<Vec<_>>().join("; ");
        return Some((word, message));
    }
    if let Some(ended) = state.terminated.filter(|ended| ended.exit_code != 0) {
        let said = ended.message.or(ended.reason).unwrap_or_default();
        return Some(("ContainerEnded".to_owned(), format!("with status {}: {}", ended.exit_code, said.trim())));
    }
    let running = state.running.is_some() && !container.ready;
    running.then(|| ("NotReady".to_owned(), "it runs, but its readiness probe has not succeeded".to_owned()))
}

fn last_end(container: &ContainerStatus) -> Option<String> {
    let ended = container.last_state.as_ref()?.terminated.as_ref()?;
    let said = ended.message.as_ref().or(ended.reason.as_ref()).map(|said| format!(", {}", said.trim()));
    Some(format!(
        "it ended {} times, last with status {}{}",
        container.restart_count,
        ended.exit_code,
        said.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, json};

    use super::{Reason, of_pod};

    fn shown(status: &Value) -> Vec<String> {
        let pod =
            json!({"metadata": {"name": "web-1"}, "spec": {"nodeName": "node-1", "containers": []}, "status": status});
        let pod: Pod = serde_json::from_value(pod).expect("a pod");
        of_pod(&pod).iter().map(Reason::to_string).collect()
    }

    fn container(state: &Value, last: &Value) -> Vec<String> {
        shown(
            &json!({"containerStatuses": [{"name": "web", "image": "x", "imageID": "", "ready": false, "restartCount": 3,
            "state": state, "lastState": last}]}),
        )
    }

    #[test]
    fn containers_that_wait() {
        let waiting = |word: &str, message: &str| {
            container(&json!({"waiting": {"reason": word, "message": message}}), &json!({}))
        };
        assert_eq!(
            waiting("ErrImageNeverPull", "Container image \"x\" is not present with pull policy of Never"),
            [
                "pod web-1 on node-1, container web: ErrImageNeverPull: Container image \"x\" is not present with pull policy of Never"
            ]
        );
        assert!(waiting("ContainerCreating", "").is_empty() && waiting("PodInitializing", "").is_empty());
    }

    #[test]
    fn containers_that_ended() {
        let crash = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}});
        let last = json!({"terminated": {"exitCode": 2, "reason": "Error"}});
        assert_eq!(
            container(&crash, &last),
            [
                "pod web-1 on node-1, container web: CrashLoopBackOff: back-off 40s; it ended 3 times, last with status 2, Error"
            ]
        );
        let ended = json!({"terminated": {"exitCode": 1, "message": "no such file\n"}});
        assert_eq!(
            container(&ended, &json!({})),
            ["pod web-1 on node-1, container web: ContainerEnded: with status 1: no such file"]
        );
        assert!(container(&json!({"terminated": {"exitCode": 0}}), &json!({})).is_empty());
        assert_eq!(container(&json!({"running": {}}), &json!({})).len(), 1);
    }

    #[test]
    fn pods_without_a_node() {
        let condition =
            json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"});
        assert_eq!(shown(&json!({"conditions": [condition]})), ["pod web-1 on node-1: Unschedulable: 0/1 nodes"]);
        assert!(shown(&json!({"conditions": [{"type": "PodScheduled", "status": "True"}]})).is_empty());
    }

    #[test]
    fn patience_depends_on_the_reason() {
        let reason = |word: &str| Reason {
            pod: "a".into(),
            node: None,
            container: Some("c".into()),
            word: word.into(),
            message: String::new(),
        };
        let seconds = |word: &str| reason(word).patience().map(|patience| patience.as_secs());
        assert_eq!(seconds("ErrImageNeverPull"), Some(1));
        assert!(seconds("ImagePullBackOff") < Some(Duration::from_secs(20).as_secs()));
        assert_eq!(seconds("NotReady"), None);
        assert_eq!(reason("ErrImagePull").trouble(), reason("ImagePullBackOff").trouble());
    }
}
