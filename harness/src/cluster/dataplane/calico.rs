//! What Calico in VXLAN mode sets up on a node: devices, routes, neighbours, sysctls and masquerading.
//!
//! Its policy chains in the filter table are in [`super::felix`].

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    iptables::{IptablesProgram, JumpRule, Position, Table},
    layout::{self, Node, POD_GATEWAY, POD_GATEWAY6, VXLAN_ID, VXLAN_PORT},
    state::{ClusterState, Pod},
    text::Text,
};
use crate::{cluster::manifest::Cidr, model::IpFamily};

/// How routes are marked as Calico's.
const ROUTE_PROTOCOL: u8 = 80;

/// MAC address of the node's end of every pod's link.
const HOST_SIDE_MAC: &str = "ee:ee:ee:ee:ee:ee";

/// Set-up of a node, to be carried out in its network namespace in the order of the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLinks {
    /// Input of `ip -batch -`.
    pub ip_batch: String,
    /// Input of `bridge -batch -`; empty when there is one node.
    pub bridge_batch: String,
    /// Programs with their arguments.
    pub commands: Vec<Vec<String>>,
    /// Files below `/proc/sys` and what to write there.
    pub sysctls: Vec<Sysctl>,
}

/// A kernel setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysctl {
    /// Path below `/proc/sys`: `net/ipv4/ip_forward`.
    pub path: String,
    /// The value.
    pub value: String,
}

/// Set-up of a pod's link: the first part in the node's network namespace, the second in the pod's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodLink {
    /// Input of `ip -batch -` in the node's namespace; it makes both ends.
    pub node_batch: String,
    /// Sysctls in the node's namespace, after `node_batch`.
    pub node_sysctls: Vec<Sysctl>,
    /// Input of `ip -batch -` in the pod's namespace, after `node_batch`.
    pub pod_batch: String,
}

/// Set-up of a node, whose interface on the underlay is `underlay`. Every node must have its underlay address.
#[must_use]
pub fn node_links(state: &ClusterState, node: usize, underlay: &str) -> NodeLinks {
    let (mut ip, mut bridge, mut commands) = (Text::default(), Text::default(), Vec::new());
    for &family in &state.families {
        tunnel(state, (node, underlay), family, &mut ip, &mut bridge);
        // MicroK8s tells Calico that checksum offload is broken.
        let offload = ["ethtool", "-K", layout::vxlan_device(family), "tx", "off"];
        commands.push(offload.map(str::to_owned).to_vec());
    }
    let mut sysctls = vec![
        sysctl("net/ipv4/ip_forward", 1),
        // kube-proxy's, for node ports on 127.0.0.1.
        sysctl("net/ipv4/conf/all/route_localnet", 1),
    ];
    if state.families.contains(&IpFamily::Ipv6) {
        sysctls.push(sysctl("net/ipv6/conf/all/forwarding", 1));
    }
    NodeLinks { ip_batch: ip.finish(), bridge_batch: bridge.finish(), commands, sysctls }
}

/// The VXLAN device of one version of IP, with the ways to all other nodes.
fn tunnel(state: &ClusterState, (node, underlay): (usize, &str), family: IpFamily, ip: &mut Text, bridge: &mut Text) {
    let own = &state.nodes[node];
    let others: Vec<&Node> = state.nodes.iter().filter(|other| other.index != node).collect();
    let (device, mtu) = (layout::vxlan_device(family), state.pod_mtu());
    let (mac, local) = (own.vtep_mac(family), own.address(family));
    ip.line(format!(
        "link add {device} address {mac} mtu {mtu} type vxlan id {VXLAN_ID} local {local} dev {underlay} dstport {VXLAN_PORT} nolearning"
    ));
    ip.line(format!("address add {} dev {device}{}", Cidr::host(own.block(family)), no_detection(family)));
    ip.line(format!("link set {device} up"));
    ip.line(format!("route replace blackhole {} proto {ROUTE_PROTOCOL}", own.block_cidr(family)));
    for other in &others {
        let (block, mac) = (other.block(family), other.vtep_mac(family));
        ip.line(format!("neighbour replace {block} lladdr {mac} dev {device} nud permanent"));
    }
    for other in &others {
        let (cidr, gateway) = (other.block_cidr(family), other.block(family));
        ip.line(format!("route replace {cidr} via {gateway} dev {device} proto {ROUTE_PROTOCOL} onlink"));
    }
    for other in &others {
        let (mac, to) = (other.vtep_mac(family), other.address(family));
        bridge.line(format!("fdb replace {mac} dev {device} dst {to} self permanent"));
    }
}

/// IPv6 would ask for a second whether somebody has the address already.
const fn no_detection(family: IpFamily) -> &'static str {
    match family {
        IpFamily::Ipv4 => "",
        IpFamily::Ipv6 => " nodad",
    }
}

/// Set-up of a pod's link. `netns` is what `ip link … netns` takes for the pod's network namespace: the id of a
/// process in it, or a name below `/run/netns`. In the pod the link is `eth0`.
#[must_use]
pub fn pod_link(state: &ClusterState, pod: &Pod, netns: &str) -> PodLink {
    link(&pod.interface(), pod.ip, pod.ip6, state.pod_mtu(), netns)
}

/// The same for a pod of which only this is known: the name of the node's end, its addresses, the MTU.
#[must_use]
pub fn link(name: &str, ip: Ipv4Addr, ip6: Option<Ipv6Addr>, mtu: u16, netns: &str) -> PodLink {
    let [by_hand, node_ipv6, pod_ipv6] = ip6.map(|ip6| ipv6_link(name, ip6)).unwrap_or_default();
    let node_batch = format!(
        "link add {name} mtu {mtu} address {HOST_SIDE_MAC} type veth peer name eth0 mtu {mtu} netns {netns}\n\
         {by_hand}link set {name} up\n\
         route replace {ip}/32 dev {name} scope link\n{node_ipv6}"
    );
    let pod_batch = format!(
        "link set lo up\n\
         address add {ip}/32 dev eth0\n\
         link set eth0 up\n\
         route add {POD_GATEWAY} dev eth0 scope link\n\
         route add default via {POD_GATEWAY} dev eth0\n{pod_ipv6}"
    );
    let own = |setting: &str, value| sysctl(&format!("net/ipv4/conf/{name}/{setting}"), value);
    let mut node_sysctls = vec![
        own("route_localnet", 1),
        // A pod must not send with an address that is not its own.
        own("rp_filter", 1),
        sysctl(&format!("net/ipv4/neigh/{name}/proxy_delay"), 0),
        own("proxy_arp", 1),
        own("forwarding", 1),
    ];
    if ip6.is_some() {
        let own = |setting: &str| sysctl(&format!("net/ipv6/conf/{name}/{setting}"), 1);
        node_sysctls.extend([own("proxy_ndp"), own("forwarding")]);
    }
    PodLink { node_batch, node_sysctls, pod_batch }
}

/// What a pod's link needs for IPv6: on the node before the link is up and after, and in the pod.
fn ipv6_link(name: &str, ip: Ipv6Addr) -> [String; 3] {
    [
        // The gateway's address must answer at once, so it is not left to the kernel to find and to test it.
        format!("link set {name} addrgenmode none\n"),
        format!("address add {POD_GATEWAY6}/64 dev {name} nodad\nroute replace {ip}/128 dev {name}\n"),
        format!(
            "address add {ip}/128 dev eth0 nodad\n\
             route add default via {POD_GATEWAY6} dev eth0 onlink\n"
        ),
    ]
}

/// What Calico programs into the nat table of every node, for one version of IP. It re-syncs
/// this as kube-proxy does its own.
#[must_use]
pub fn program(family: IpFamily) -> IptablesProgram {
    let mut program = IptablesProgram::new(
        family,
        vec![JumpRule {
            table: Table::Nat,
            chain: "POSTROUTING",
            position: Position::First,
            matches: &[],
            comment: None,
            target: "cali-POSTROUTING",
        }],
    );
    program.chain(Table::Nat, "cali-POSTROUTING");
    program.chain(Table::Nat, "cali-nat-outgoing");
    program.rule(Table::Nat, "cali-POSTROUTING -j cali-nat-outgoing");
    // What the node itself sends to a remote pod must carry the tunnel's address, or the answer comes past it.
    program.rule(
        Table::Nat,
        format!(
            "cali-POSTROUTING -o {} -m addrtype ! --src-type LOCAL --limit-iface-out \
             -m addrtype --src-type LOCAL -j MASQUERADE --random-fully",
            layout::vxlan_device(family),
        ),
    );
    let pods = layout::pod_cidr(family);
    program.rule(Table::Nat, format!("cali-nat-outgoing -s {pods} ! -d {pods} -j MASQUERADE --random-fully"));
    program
}

fn sysctl(path: &str, value: u8) -> Sysctl {
    Sysctl { path: path.to_owned(), value: value.to_string() }
}
