//! The network's configuration on a node.

use serde_json::json;

use super::NAME;
use crate::cluster::dataplane::layout::Node;

/// Name of the network, as Calico calls it.
const NETWORK: &str = "k8s-pod-network";

/// Where `host-local` notes which address is whose.
const LEASES: &str = "/run/kubernetes/leases";

/// The list of plugins that make a pod's network on this node.
#[must_use]
pub fn conflist(node: &Node, mtu: u16) -> String {
    let [a, b, c, _] = node.block.octets();
    let ranges = json!([[{"subnet": format!("{}/26", node.block), "rangeStart": format!("{a}.{b}.{c}.2")}]]);
    json!({
        "cniVersion": "0.3.1",
        "name": NETWORK,
        "plugins": [
            {"type": NAME, "mtu": mtu, "ipam": {"type": "host-local", "dataDir": LEASES, "ranges": ranges}},
            {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}},
        ],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::conflist;
    use crate::cluster::dataplane::{Node, NodeSpec};

    #[test]
    fn pods_get_addresses_of_their_nodes_block() {
        let node = Node::new(1, &NodeSpec { name: "node-2".into(), distro_id: "debian-12".into() });
        let list: serde_json::Value = serde_json::from_str(&conflist(&node, 1450)).expect("JSON");
        let range = &list["plugins"][0]["ipam"]["ranges"][0][0];
        assert_eq!((range["subnet"].as_str(), range["rangeStart"].as_str()), (Some("10.1.2.0/26"), Some("10.1.2.2")));
    }
}
