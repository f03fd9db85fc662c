//! Warnings among the events of a namespace.

use k8s_openapi::api::core::v1::Event;
use kube::{Api, api::ListParams};
use tokio::time::timeout;

use super::{api::KubeApi, applied::AppliedObject};

/// How many are quoted, the newest.
const QUOTED: usize = 6;

impl KubeApi {
    /// The newest warnings about an object, the sets that it made, and these pods. Without an answer there are none:
    /// they only explain.
    pub(super) async fn warnings(&self, object: &AppliedObject, pods: &[String]) -> Vec<String> {
        let Some(namespace) = &object.namespace else { return Vec::new() };
        let events: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let warnings = ListParams::default().fields("type=Warning");
        let Ok(Ok(found)) = timeout(self.answer, events.list(&warnings)).await else { return Vec::new() };
        quoted(found.items, object, pods)
    }
}

fn quoted(mut events: Vec<Event>, object: &AppliedObject, pods: &[String]) -> Vec<String> {
    let about = |event: &Event| {
        let name = event.involved_object.name.as_deref().unwrap_or_default();
        match event.involved_object.kind.as_deref() {
            Some("Pod") => pods.iter().any(|pod| pod == name) || object.kind == "Pod" && object.name == name,
            Some("ReplicaSet") => name.rsplit_once('-').is_some_and(|(owner, _)| owner == object.name),
            Some(kind) => kind == object.kind && name == object.name,
            None => false,
        }
    };
    events.retain(|event| about(event) && event.type_.as_deref() == Some("Warning"));
    let time = |event: &Event| {
        let last = event.last_timestamp.as_ref().map(|time| time.0);
        last.or_else(|| event.event_time.as_ref().map(|time| time.0))
            .or_else(|| event.metadata.creation_timestamp.as_ref().map(|time| time.0))
    };
    events.sort_by_key(time);
    let mut lines: Vec<String> = Vec::new();
    for event in events.iter().rev() {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (kind, name) = (text(&event.involved_object.kind), text(&event.involved_object.name));
        let line = format!("{kind} {name}: {}: {}", text(&event.reason), text(&event.message).trim());
        if !lines.contains(&line) && lines.len() < QUOTED {
            lines.push(line);
        }
    }
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Event;
    use serde_json::json;

    use super::quoted;
    use crate::cluster::kube::applied::AppliedObject;

    #[test]
    fn warnings_about_the_object_and_its_pods_are_quoted_once_in_order() {
        let event = |kind: &str, name: &str, second: u8, message: &str, level: &str| -> Event {
            let time = format!("2026-01-01T00:00:{second:02}Z");
            let event = json!({"metadata": {"name": "e"}, "involvedObject": {"kind": kind, "name": name}, "type": level,
                "reason": "Failed", "message": message, "lastTimestamp": time});
            serde_json::from_value(event).expect("an event")
        };
        let object = AppliedObject {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            plural: "deployments".into(),
            namespace: Some("default".into()),
            name: "web".into(),
            uid: String::new(),
            own: true,
            file: "web.yaml".into(),
            document: 1,
        };
        let events = vec![
            event("Pod", "web-1-a", 9, "no such image", "Warning"),
            event("ReplicaSet", "web-1", 1, "quota", "Warning"),
            event("Pod", "web-1-a", 3, "no such image", "Warning"),
            event("Pod", "other", 4, "not ours", "Warning"),
            event("ReplicaSet", "web-two-1", 5, "not ours", "Warning"),
            event("Pod", "web-1-a", 6, "fine", "Normal"),
        ];
        let lines = quoted(events, &object, &["web-1-a".to_owned()]);
        assert_eq!(lines, ["ReplicaSet web-1: Failed: quota", "Pod web-1-a: Failed: no such image"]);
    }
}
