//! What Calico in VXLAN mode sets up on a node: devices, routes, neighbours, sysctls and masquerading.
//!
//! Its policy chains in the filter table are in [`super::felix`].

use super::{
    iptables::{IptablesProgram, JumpRule, Position, Table},
    layout::{Node, POD_CIDR, POD_GATEWAY, VXLAN_DEVICE, VXLAN_ID, VXLAN_PORT},
    state::{ClusterState, Pod},
    text::Text,
};

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
    let own = &state.nodes[node];
    let others: Vec<&Node> = state.nodes.iter().filter(|other| other.index != node).collect();
    let mut ip = Text::default();
    let mut line = |text: String| ip.line(text);
    line(format!(
        "link add {VXLAN_DEVICE} address {} mtu {} type vxlan id {VXLAN_ID} local {} dev {underlay} dstport {VXLAN_PORT} nolearning",
        own.vtep_mac,
        state.pod_mtu(),
        own.ip,
    ));
    line(format!("address add {}/32 dev {VXLAN_DEVICE}", own.block));
    line(format!("link set {VXLAN_DEVICE} up"));
    line(format!("route replace blackhole {} proto {ROUTE_PROTOCOL}", own.block_cidr()));
    for Node { block, vtep_mac, .. } in &others {
        line(format!("neighbour replace {block} lladdr {vtep_mac} dev {VXLAN_DEVICE} nud permanent"));
    }
    for other in &others {
        let (cidr, gateway) = (other.block_cidr(), other.block);
        line(format!("route replace {cidr} via {gateway} dev {VXLAN_DEVICE} proto {ROUTE_PROTOCOL} onlink"));
    }
    let mut bridge = Text::default();
    for Node { vtep_mac, ip, .. } in &others {
        bridge.line(format!("fdb replace {vtep_mac} dev {VXLAN_DEVICE} dst {ip} self permanent"));
    }
    // MicroK8s tells Calico that checksum offload is broken.
    let offload = ["ethtool", "-K", VXLAN_DEVICE, "tx", "off"];
    NodeLinks {
        ip_batch: ip.finish(),
        bridge_batch: bridge.finish(),
        commands: vec![offload.map(str::to_owned).to_vec()],
        sysctls: vec![
            sysctl("net/ipv4/ip_forward", 1),
            // kube-proxy's, for node ports on 127.0.0.1.
            sysctl("net/ipv4/conf/all/route_localnet", 1),
        ],
    }
}

/// Set-up of a pod's link. `netns` is what `ip link … netns` takes for the pod's network namespace: the id of a
/// process in it, or a name below `/run/netns`. In the pod the link is `eth0`.
#[must_use]
pub fn pod_link(state: &ClusterState, pod: &Pod, netns: &str) -> PodLink {
    let (name, ip, mtu) = (pod.interface(), pod.ip, state.pod_mtu());
    let node_batch = format!(
        "link add {name} mtu {mtu} address {HOST_SIDE_MAC} type veth peer name eth0 mtu {mtu} netns {netns}\n\
         link set {name} up\n\
         route replace {ip}/32 dev {name} scope link\n"
    );
    let pod_batch = format!(
        "link set lo up\n\
         address add {ip}/32 dev eth0\n\
         link set eth0 up\n\
         route add {POD_GATEWAY} dev eth0 scope link\n\
         route add default via {POD_GATEWAY} dev eth0\n"
    );
    let own = |setting: &str, value| sysctl(&format!("net/ipv4/conf/{name}/{setting}"), value);
    let node_sysctls = vec![
        own("route_localnet", 1),
        // A pod must not send with an address that is not its own.
        own("rp_filter", 1),
        sysctl(&format!("net/ipv4/neigh/{name}/proxy_delay"), 0),
        own("proxy_arp", 1),
        own("forwarding", 1),
    ];
    PodLink { node_batch, node_sysctls, pod_batch }
}

/// What Calico programs into the nat table of every node. It re-syncs this as kube-proxy does its own.
#[must_use]
pub fn program() -> IptablesProgram {
    let mut program = IptablesProgram::new(vec![JumpRule {
        table: Table::Nat,
        chain: "POSTROUTING",
        position: Position::First,
        matches: &[],
        comment: None,
        target: "cali-POSTROUTING",
    }]);
    program.chain(Table::Nat, "cali-POSTROUTING");
    program.chain(Table::Nat, "cali-nat-outgoing");
    program.rule(Table::Nat, "cali-POSTROUTING -j cali-nat-outgoing");
    // What the node itself sends to a remote pod must carry the tunnel's address, or the answer comes past it.
    program.rule(
        Table::Nat,
        format!(
            "cali-POSTROUTING -o {VXLAN_DEVICE} -m addrtype ! --src-type LOCAL --limit-iface-out \
             -m addrtype --src-type LOCAL -j MASQUERADE --random-fully"
        ),
    );
    program.rule(Table::Nat, format!("cali-nat-outgoing -s {POD_CIDR} ! -d {POD_CIDR} -j MASQUERADE --random-fully"));
    program
}

fn sysctl(path: &str, value: u8) -> Sysctl {
    Sysctl { path: path.to_owned(), value: value.to_string() }
}
