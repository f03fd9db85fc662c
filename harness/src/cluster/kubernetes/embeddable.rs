//! A cluster's plan as the embedded cluster would take it, where it can: that tells early what probes will aim at.
//!
//! Real Kubernetes takes any image, and says itself which ones it does not have; the embedded cluster knows one.

use std::{fmt::Write as _, sync::Arc};

use lab_agent::AGENT_IMAGE;
use serde_json::Value;

use crate::{
    catalog::scenario::{Manifest, Scenario},
    plan::ClusterPlan,
};

/// The same plan, whose containers have the agent's image. What is applied are the scenario's own bytes.
#[must_use]
pub fn cluster(plan: &ClusterPlan) -> ClusterPlan {
    let manifests = plan.scenario.manifests.iter().map(manifest).collect();
    let scenario = Scenario { manifests, ..(*plan.scenario).clone() };
    ClusterPlan { scenario: Arc::new(scenario), ..plan.clone() }
}

fn manifest(own: &Manifest) -> Manifest {
    // What cannot be read is refused as it stands.
    let Ok(documents) = serde_yaml::from_multiple::<Value>(&own.text) else { return own.clone() };
    let mut text = String::new();
    for mut document in documents.into_iter().filter(|document| !document.is_null()) {
        replace_images(&mut document);
        writeln!(text, "---\n{document}").expect("a String takes all");
    }
    Manifest { text: text.into(), ..own.clone() }
}

fn replace_images(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if let ("containers", Value::Array(containers)) = (key.as_str(), &mut *value) {
                    let images = containers.iter_mut().filter_map(|container| container.get_mut("image"));
                    images.filter(|image| image.is_string()).for_each(|image| *image = AGENT_IMAGE.into());
                } else {
                    replace_images(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(replace_images),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::manifest;
    use crate::catalog::scenario::Manifest;

    #[test]
    fn images_of_containers_are_replaced_however_they_are_written() {
        for (own, other) in [
            ("containers:\n  - image: nginx:1.25 # why\n", r#"{"containers":[{"image":"pathlab/agent:1"}]}"#),
            (
                "containers: [{\"image\": nowhere:2, args: [x]}, { 'image': \"b\" }]\n",
                r#"{"containers":[{"args":["x"],"image":"pathlab/agent:1"},{"image":"pathlab/agent:1"}]}"#,
            ),
            ("data: { image: a, text: 'image: b' }\n", r#"{"data":{"image":"a","text":"image: b"}}"#),
            ("containers: [{ my-image: b, image: }]\n", r#"{"containers":[{"image":null,"my-image":"b"}]}"#),
        ] {
            let own = Manifest { path: "a.yaml".into(), text: own.into(), sha256: String::new() };
            assert_eq!(*manifest(&own).text, format!("---\n{other}\n"));
        }
    }
}
