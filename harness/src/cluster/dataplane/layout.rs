//! Addresses and names of a cluster: the same in every cluster, as `MicroK8s` has them.

use std::net::Ipv4Addr;

use sha2::{Digest, Sha256};

use super::text::hex;

/// The host outside of the cluster, on the underlay. The nodes' default route leads to it.
pub const OUTSIDE_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Prefix length of the underlay 192.0.2.0/24.
pub const UNDERLAY_PREFIX: u8 = 24;

/// The pod network.
pub const POD_CIDR: &str = "10.1.0.0/16";

/// The service network.
pub const SERVICE_CIDR: &str = "10.152.183.0/24";

/// Cluster address of the cluster's DNS.
pub const DNS_SERVICE_IP: Ipv4Addr = Ipv4Addr::new(10, 152, 183, 10);

/// Cluster address of the Kubernetes API.
pub const API_SERVICE_IP: Ipv4Addr = Ipv4Addr::new(10, 152, 183, 1);

/// Port of the Kubernetes API on the first node.
pub const API_PORT: u16 = 16443;

/// The address that pods send everything to; answered by proxy ARP.
pub const POD_GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// Calico's VXLAN device.
pub const VXLAN_DEVICE: &str = "vxlan.calico";

/// VXLAN network identifier.
pub const VXLAN_ID: u32 = 4096;

/// VXLAN's UDP port.
pub const VXLAN_PORT: u16 = 4789;

/// Bytes that VXLAN adds to a packet.
pub const VXLAN_OVERHEAD: u16 = 50;

/// Machines of one cluster at most.
pub const MAX_NODES: usize = 5;

/// A machine that will be a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// Host name: `node-1`.
    pub name: String,
    /// Distro id, for what the echo says of itself.
    pub distro_id: String,
}

/// A node with its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Position in the cluster, counted from 0.
    pub index: usize,
    /// Host name.
    pub name: String,
    /// Distro id.
    pub distro_id: String,
    /// Address on the underlay: 192.0.2.11 for the first.
    pub ip: Ipv4Addr,
    /// First address of the node's /26 block of the pod network; the VXLAN device has it.
    pub block: Ipv4Addr,
    /// MAC address of the VXLAN device.
    pub vtep_mac: String,
}

impl Node {
    /// The node at this position (counted from 0) of a cluster.
    #[must_use]
    pub fn new(index: usize, spec: &NodeSpec) -> Self {
        // A cluster has few nodes: `compile` sees to it.
        let number = u8::try_from(index + 1).unwrap_or(u8::MAX - 10);
        let hash = Sha256::digest(format!("vtep {}", spec.name));
        let mac: Vec<String> = hash[..5].iter().map(|byte| hex(&[*byte])).collect();
        Self {
            index,
            name: spec.name.clone(),
            distro_id: spec.distro_id.clone(),
            ip: Ipv4Addr::new(192, 0, 2, 10 + number),
            block: Ipv4Addr::new(10, 1, number, 0),
            vtep_mac: format!("66:{}", mac.join(":")),
        }
    }

    /// The node's block of the pod network: `10.1.1.0/26`.
    #[must_use]
    pub fn block_cidr(&self) -> String {
        format!("{}/26", self.block)
    }

    /// The address of the node's pod number `slot`, counted from 0; none when the block is full.
    #[must_use]
    pub fn pod_ip(&self, slot: usize) -> Option<Ipv4Addr> {
        let [a, b, c, _] = self.block.octets();
        let last = u8::try_from(slot + 2).ok().filter(|last| *last < 63)?;
        Some(Ipv4Addr::new(a, b, c, last))
    }
}

/// Name of the node's end of a pod's link: `cali` and 11 hexadecimal digits, as long as a name may be.
#[must_use]
pub fn pod_interface(namespace: &str, pod: &str) -> String {
    let hash = Sha256::digest(format!("{namespace}.{pod}"));
    let digits = hex(&hash);
    format!("cali{}", &digits[..11])
}

/// MTU of the pod network on an underlay of this MTU.
#[must_use]
pub const fn pod_mtu(underlay: u16) -> u16 {
    underlay.saturating_sub(VXLAN_OVERHEAD)
}

#[cfg(test)]
mod tests {
    use super::{Node, NodeSpec, pod_interface, pod_mtu};

    #[test]
    fn addresses_follow_the_node() {
        let spec = NodeSpec { name: "node-2".into(), distro_id: "rhel-9.5".into() };
        let node = Node::new(1, &spec);
        assert_eq!(node.ip.to_string(), "192.0.2.12");
        assert_eq!(node.block_cidr(), "10.1.2.0/26");
        assert_eq!(node.pod_ip(0).expect("free").to_string(), "10.1.2.2");
        assert_eq!(node.pod_ip(61), None);
        assert_eq!(node.vtep_mac.len(), 17);
    }

    #[test]
    fn interface_names_fit_the_kernel() {
        assert_eq!(pod_interface("default", "zeus").len(), 15);
        assert_ne!(pod_interface("default", "zeus"), pod_interface("olymp", "zeus"));
        assert_eq!(pod_mtu(1500), 1450);
    }
}
