//! The nodes of a cluster, in the harness's order.

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use kube::{Api, api::ListParams};
use tokio::time::{Instant, sleep};

use super::{
    api::{KubeApi, PAUSE},
    error::KubeError,
};
use crate::{cluster::workload::NodeAddress, model::IpFamily};

impl KubeApi {
    /// Waits until nodes of these names are there, ready, and free of the taints that a new node has.
    pub async fn nodes_ready(&self, names: &[String], limit: Duration) -> Result<(), KubeError> {
        self.not_late(names, limit, late).await
    }

    /// Waits until the kubelets of these nodes have said how they are after this time.
    pub async fn heard_from(&self, names: &[String], since: Timestamp, limit: Duration) -> Result<(), KubeError> {
        if names.is_empty() {
            return Ok(());
        }
        self.not_late(names, limit, |nodes, names| silent(nodes, names, since)).await
    }

    async fn not_late(
        &self,
        names: &[String],
        limit: Duration,
        late: impl Fn(&[Node], &[String]) -> Vec<String>,
    ) -> Result<(), KubeError> {
        let end = Instant::now() + limit;
        loop {
            let late = late(&self.nodes().await?, names);
            if late.is_empty() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(KubeError::NodesNotReady { limit, last: late.join("; ") });
            }
            sleep(PAUSE).await;
        }
    }

    pub(super) async fn nodes(&self) -> Result<Vec<Node>, KubeError> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let params = ListParams::default();
        Ok(self.patiently("list the nodes", || nodes.list(&params)).await?.items)
    }
}

/// What keeps each of these nodes from being used.
fn late(nodes: &[Node], names: &[String]) -> Vec<String> {
    let why = |name: &String| {
        let Some(node) = find(nodes, name) else { return Some(format!("{name} has not registered")) };
        let Some(ready) = readiness(node) else { return Some(format!("{name} says nothing of itself yet")) };
        if ready.status != "True" {
            let message = ready.message.as_deref().or(ready.reason.as_deref()).unwrap_or("no reason given");
            return Some(format!("{name}: {message}"));
        }
        let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
        let mut new = taints.into_iter().filter(|taint| taint.key.starts_with("node.kubernetes.io/"));
        new.next().map(|taint| format!("{name} has the taint {}", taint.key))
    };
    names.iter().filter_map(why).collect()
}

/// Those of these nodes whose kubelet has said nothing since.
fn silent(nodes: &[Node], names: &[String], since: Timestamp) -> Vec<String> {
    let has_spoken = |name: &String| {
        let heard = find(nodes, name).and_then(readiness).and_then(|ready| ready.last_heartbeat_time.as_ref());
        heard.is_some_and(|time| time.0.as_second() > since.as_second())
    };
    let silent = names.iter().filter(|name| !has_spoken(name));
    silent.map(|name| format!("{name}: its kubelet has said nothing since its restart")).collect()
}

fn readiness(node: &Node) -> Option<&NodeCondition> {
    node.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == "Ready")
}

/// Kubernetes writes node names in small letters.
fn find<'a>(nodes: &'a [Node], name: &str) -> Option<&'a Node> {
    nodes.iter().find(|node| node.metadata.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name)))
}

/// The nodes of these names with their addresses of one version of IP; none where one has no such address.
pub(super) fn addresses(nodes: &[Node], names: &[String], family: IpFamily) -> Option<Vec<NodeAddress>> {
    let address =
        |name: &String| Some(NodeAddress { name: name.clone(), ip: internal_ip(find(nodes, name)?, family)? });
    names.iter().map(address).collect()
}

fn internal_ip(node: &Node, family: IpFamily) -> Option<IpAddr> {
    let addresses = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
    let internal = addresses.into_iter().filter(|address| address.type_ == "InternalIP");
    internal.filter_map(|address| address.address.parse().ok()).find(|ip| IpFamily::of(*ip) == family)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Node;
    use serde_json::{Value, json};

    use super::{addresses, late, silent};
    use crate::model::IpFamily;

    fn node(name: &str, ready: &str, taints: &Value, ips: &[&str]) -> Node {
        let addresses: Vec<Value> = ips.iter().map(|ip| json!({"type": "InternalIP", "address": ip})).collect();
        let condition =
            json!({"type": "Ready", "status": ready, "reason": "R", "message": "cni plugin not initialized"});
        let node = json!({"metadata": {"name": name}, "spec": {"taints": taints},
            "status": {"conditions": [condition], "addresses": addresses}});
        serde_json::from_value(node).expect("a node")
    }

    #[test]
    fn a_node_is_ready_when_pods_may_run_on_it() {
        let nodes = [
            node("a", "True", &json!([]), &[]),
            node("b", "False", &json!([]), &[]),
            node("c", "True", &json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]), &[]),
        ];
        let names = ["A", "b", "c", "d"].map(str::to_owned);
        assert!(late(&nodes, &names[..1]).is_empty());
        assert_eq!(
            late(&nodes, &names),
            ["b: cni plugin not initialized", "c has the taint node.kubernetes.io/not-ready", "d has not registered"]
        );
    }

    #[test]
    fn a_kubelet_that_speaks_again_is_heard() {
        let mut said = serde_json::to_value(node("a", "True", &json!([]), &[])).expect("JSON");
        said["status"]["conditions"][0]["lastHeartbeatTime"] = json!("2026-11-29T12:00:05Z");
        let nodes = [serde_json::from_value(said).expect("a node"), node("b", "True", &json!([]), &[])];
        let names = ["A", "b"].map(str::to_owned);
        let silent = |since: &str| silent(&nodes, &names, since.parse().expect("a time"));
        assert_eq!(silent("2026-11-29T12:00:04Z"), ["b: its kubelet has said nothing since its restart"]);
        assert_eq!(silent("2026-11-29T12:00:05.5Z").len(), 2);
    }

    #[test]
    fn addresses_are_in_the_harness_order() {
        let nodes = [
            node("a", "True", &json!([]), &["192.0.2.10", "2001:db8::10"]),
            node("b", "True", &json!([]), &["192.0.2.11"]),
        ];
        let names = ["b", "a"].map(str::to_owned);
        let found = addresses(&nodes, &names, IpFamily::Ipv4).expect("all");
        let shown: Vec<String> = found.iter().map(|node| format!("{} {}", node.name, node.ip)).collect();
        assert_eq!(shown, ["b 192.0.2.11", "a 192.0.2.10"]);
        assert_eq!(addresses(&nodes, &names, IpFamily::Ipv6), None);
    }
}
