//! A plan as the embedded cluster would take it: its state is where a real cluster's starts from.
//!
//! Real Kubernetes takes any image, and says itself which ones it does not have; the embedded cluster knows one.

use std::sync::Arc;

use lab_agent::AGENT_IMAGE;

use crate::{
    catalog::scenario::{Manifest, Scenario},
    plan::{ClusterPlan, Plan},
};

/// The same plan, whose manifests name the agent's image only. What is applied are the scenario's own bytes.
#[must_use]
pub fn plan(plan: &Plan) -> Plan {
    Plan { clusters: plan.clusters.iter().map(cluster).collect(), ..plan.clone() }
}

/// The same for one cluster.
#[must_use]
pub fn cluster(plan: &ClusterPlan) -> ClusterPlan {
    let manifests = plan.scenario.manifests.iter().map(manifest).collect();
    let scenario = Scenario { manifests, ..(*plan.scenario).clone() };
    ClusterPlan { scenario: Arc::new(scenario), ..plan.clone() }
}

fn manifest(own: &Manifest) -> Manifest {
    let text: String = own.text.split_inclusive('\n').map(line).collect();
    Manifest { text: text.into(), ..own.clone() }
}

/// A line whose `image: …` is the agent's; the place of all else stays.
fn line(own: &str) -> String {
    const KEY: &str = "image:";
    let Some(start) = own.find(KEY) else { return own.to_owned() };
    // `somebodys-image:` is another key.
    if own[..start].ends_with(|before: char| before.is_alphanumeric() || before == '-' || before == '#') {
        return own.to_owned();
    }
    let (head, value) = own.split_at(start + KEY.len());
    let blank = value.len() - value.trim_start_matches(' ').len();
    let (space, value) = value.split_at(blank);
    let end = value.find([' ', ',', '}', '\n', '\r', '#']).unwrap_or(value.len());
    format!("{head}{space}{AGENT_IMAGE}{}", &value[end..])
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn images_are_replaced_and_nothing_else() {
        for (own, other) in [
            ("          image: nginx:1.25\n", "          image: pathlab/agent:1\n"),
            ("  - { name: a, image: \"b\", args: [x] }\n", "  - { name: a, image: pathlab/agent:1, args: [x] }\n"),
            ("  my-image: b\n", "  my-image: b\n"),
            ("  imagePullPolicy: Never\n", "  imagePullPolicy: Never\n"),
            ("  image: a # why\n", "  image: pathlab/agent:1 # why\n"),
        ] {
            assert_eq!(line(own), other);
        }
    }
}
