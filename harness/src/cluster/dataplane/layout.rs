//! Addresses and names of a cluster: the same in every cluster, as `MicroK8s` has them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sha2::{Digest, Sha256};

use crate::{hex, model::IpFamily};

/// The host outside of the cluster, on the underlay. The nodes' default route leads to it.
pub const OUTSIDE_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The same host over IPv6.
pub const OUTSIDE_IP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Prefix length of the underlay 192.0.2.0/24.
pub const UNDERLAY_PREFIX: u8 = 24;

/// The pod network.
pub const POD_CIDR: &str = "10.1.0.0/16";

/// The pod network over IPv6, as `MicroK8s` documents it for dual-stack clusters.
pub const POD_CIDR6: &str = "fd01::/64";

/// The service network.
pub const SERVICE_CIDR: &str = "10.152.183.0/24";

/// The service network over IPv6, likewise.
pub const SERVICE_CIDR6: &str = "fd98::/108";

/// Cluster address of the cluster's DNS.
pub const DNS_SERVICE_IP: Ipv4Addr = Ipv4Addr::new(10, 152, 183, 10);

/// Cluster address of the Kubernetes API.
pub const API_SERVICE_IP: Ipv4Addr = Ipv4Addr::new(10, 152, 183, 1);

/// Port of the Kubernetes API on the first node.
pub const API_PORT: u16 = 16443;

/// The address that pods send everything to; answered by proxy ARP.
pub const POD_GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// The same over IPv6: the link-local address that belongs to the MAC address of the node's end of every pod's link.
pub const POD_GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0xecee, 0xeeff, 0xfeee, 0xeeee);

/// Calico's VXLAN device.
pub const VXLAN_DEVICE: &str = "vxlan.calico";

/// Calico's VXLAN device for IPv6.
pub const VXLAN_DEVICE6: &str = "vxlan-v6.calico";

/// VXLAN network identifier.
pub const VXLAN_ID: u32 = 4096;

/// VXLAN's UDP port.
pub const VXLAN_PORT: u16 = 4789;

/// Bytes that VXLAN adds to a packet.
pub const VXLAN_OVERHEAD: u16 = 50;

/// Bytes that VXLAN adds to a packet where IPv6 carries it.
pub const VXLAN_OVERHEAD6: u16 = 70;

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
    /// Address on the underlay over IPv6: `2001:db8::11` for the first. It has one on dual-stack clusters only.
    pub ip6: Ipv6Addr,
    /// First address of the node's /122 block of the IPv6 pod network.
    pub block6: Ipv6Addr,
    /// MAC address of the VXLAN device for IPv6.
    pub vtep_mac6: String,
}

impl Node {
    /// The node at this position (counted from 0) of a cluster.
    #[must_use]
    pub fn new(index: usize, spec: &NodeSpec) -> Self {
        // A cluster has few nodes: `compile` sees to it.
        let number = u8::try_from(index + 1).unwrap_or(u8::MAX - 10);
        let mac = |seed: &str| {
            let hash = Sha256::digest(format!("{seed} {}", spec.name));
            let bytes: Vec<String> = hash[..5].iter().map(|byte| hex::of([*byte])).collect();
            format!("66:{}", bytes.join(":"))
        };
        Self {
            index,
            name: spec.name.clone(),
            distro_id: spec.distro_id.clone(),
            ip: Ipv4Addr::new(192, 0, 2, 10 + number),
            block: Ipv4Addr::new(10, 1, number, 0),
            vtep_mac: mac("vtep"),
            ip6: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10 + u16::from(number)),
            block6: Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, number.into(), 0),
            vtep_mac6: mac("vtep-v6"),
        }
    }

    /// Address on the underlay.
    #[must_use]
    pub const fn address(&self, family: IpFamily) -> IpAddr {
        match family {
            IpFamily::Ipv4 => IpAddr::V4(self.ip),
            IpFamily::Ipv6 => IpAddr::V6(self.ip6),
        }
    }

    /// First address of the node's block of the pod network; the VXLAN device has it.
    #[must_use]
    pub const fn block(&self, family: IpFamily) -> IpAddr {
        match family {
            IpFamily::Ipv4 => IpAddr::V4(self.block),
            IpFamily::Ipv6 => IpAddr::V6(self.block6),
        }
    }

    /// The node's block of the pod network: `10.1.1.0/26`.
    #[must_use]
    pub fn block_cidr(&self, family: IpFamily) -> String {
        match family {
            IpFamily::Ipv4 => format!("{}/26", self.block),
            IpFamily::Ipv6 => format!("{}/122", self.block6),
        }
    }

    /// MAC address of the VXLAN device.
    #[must_use]
    pub fn vtep_mac(&self, family: IpFamily) -> &str {
        match family {
            IpFamily::Ipv4 => &self.vtep_mac,
            IpFamily::Ipv6 => &self.vtep_mac6,
        }
    }

    /// The IPv6 address of the node's pod number `slot`, where it has an IPv4 address.
    #[must_use]
    pub fn pod_ip6(&self, slot: usize) -> Option<Ipv6Addr> {
        let [.., last] = self.pod_ip(slot)?.octets();
        Some(Ipv6Addr::from(u128::from(self.block6) | u128::from(last)))
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
    format!("cali{}", &hex::sha256(format!("{namespace}.{pod}"))[..11])
}

/// MTU of the pod network on an underlay of this MTU. Where there is IPv6, its larger header decides.
#[must_use]
pub const fn pod_mtu(underlay: u16, family: IpFamily) -> u16 {
    underlay.saturating_sub(match family {
        IpFamily::Ipv4 => VXLAN_OVERHEAD,
        IpFamily::Ipv6 => VXLAN_OVERHEAD6,
    })
}

/// The host outside of the cluster.
#[must_use]
pub const fn outside_ip(family: IpFamily) -> IpAddr {
    match family {
        IpFamily::Ipv4 => IpAddr::V4(OUTSIDE_IP),
        IpFamily::Ipv6 => IpAddr::V6(OUTSIDE_IP6),
    }
}

/// The pod network.
#[must_use]
pub const fn pod_cidr(family: IpFamily) -> &'static str {
    match family {
        IpFamily::Ipv4 => POD_CIDR,
        IpFamily::Ipv6 => POD_CIDR6,
    }
}

/// The service network.
#[must_use]
pub const fn service_cidr(family: IpFamily) -> &'static str {
    match family {
        IpFamily::Ipv4 => SERVICE_CIDR,
        IpFamily::Ipv6 => SERVICE_CIDR6,
    }
}

/// Calico's VXLAN device.
#[must_use]
pub const fn vxlan_device(family: IpFamily) -> &'static str {
    match family {
        IpFamily::Ipv4 => VXLAN_DEVICE,
        IpFamily::Ipv6 => VXLAN_DEVICE6,
    }
}

#[cfg(test)]
mod tests {
    use super::{IpFamily, Node, NodeSpec, pod_interface, pod_mtu};

    #[test]
    fn addresses_follow_the_node() {
        let spec = NodeSpec { name: "node-2".into(), distro_id: "rhel-9.5".into() };
        let node = Node::new(1, &spec);
        assert_eq!(node.ip.to_string(), "192.0.2.12");
        assert_eq!(node.block_cidr(IpFamily::Ipv4), "10.1.2.0/26");
        assert_eq!(node.block_cidr(IpFamily::Ipv6), "fd01::2:0/122");
        assert_eq!(node.pod_ip6(0).map(|ip| ip.to_string()), Some("fd01::2:2".to_owned()));
        assert_eq!(node.ip6.to_string(), "2001:db8::12");
        assert_eq!(node.pod_ip(0).expect("free").to_string(), "10.1.2.2");
        assert_eq!(node.pod_ip(61), None);
        assert_eq!(node.vtep_mac.len(), 17);
    }

    #[test]
    fn interface_names_fit_the_kernel() {
        assert_eq!(pod_interface("default", "zeus").len(), 15);
        assert_ne!(pod_interface("default", "zeus"), pod_interface("olymp", "zeus"));
        assert_eq!((pod_mtu(1500, IpFamily::Ipv4), pod_mtu(1500, IpFamily::Ipv6)), (1450, 1430));
    }
}
