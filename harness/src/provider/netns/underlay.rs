//! The network between the machines of one cluster: a switch in the outside host, no uplink.

use std::{fmt::Write as _, net::IpAddr};

use super::{NetnsLab, SandboxError, machine::NetnsMachine};
use crate::{
    catalog::scenario::Underlay,
    provider::{Command, Machine as _, MachineError},
};

/// The hosts of one cluster.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// A host outside of the cluster; it is the nodes' default gateway, and forwards nothing.
    pub outside: NetnsMachine,
    /// The nodes, in order.
    pub nodes: Vec<NetnsMachine>,
}

/// What a host's interface does instead of the kernel: cutting, joining, checksums.
const OFFLOADS: [&str; 4] = ["tso", "gso", "gro", "tx"];

/// Makes the outside host and the nodes, each alone. `prefix` is unique in the lab.
pub async fn create(lab: &NetnsLab, prefix: &str, nodes: &[&str]) -> Result<Hosts, SandboxError> {
    let outside = lab.machine(&format!("{prefix}.outside"), "outside").await?;
    let mut hosts = Hosts { outside, nodes: Vec::new() };
    for node in nodes {
        hosts.nodes.push(lab.machine(&format!("{prefix}.{node}"), node).await?);
    }
    Ok(hosts)
}

/// Connects the nodes to the outside host's switch. `outside` and `nodes` are the hosts' addresses, one of each version
/// of IP; `nodes` are in the hosts' order.
pub async fn connect(
    hosts: &Hosts,
    outside: &[IpAddr],
    nodes: &[Vec<IpAddr>],
    underlay: &Underlay,
) -> Result<(), MachineError> {
    links(&hosts.outside, &switch(outside, underlay, &hosts.nodes)).await?;
    if underlay.loss > 0 {
        must(&hosts.outside, Command::new(["nft", "-f", "-"]).stdin(loss(underlay.loss))).await?;
    }
    for (machine, own) in hosts.nodes.iter().zip(nodes) {
        links(machine, &uplink(own, outside, underlay)).await?;
        if underlay.offloads.is_some() || !underlay.offloaded() {
            let word = if underlay.offloaded() { "on" } else { "off" };
            let settings = OFFLOADS.iter().flat_map(|offload| [*offload, word]);
            must(machine, Command::new(["ethtool", "-K", "eth0"].into_iter().chain(settings))).await?;
        }
    }
    Ok(())
}

/// Runs a program that must succeed.
pub async fn must(machine: &NetnsMachine, command: Command) -> Result<(), MachineError> {
    machine.run(&command).await?.success(machine.name(), &command).map(drop)
}

/// Runs `ip` commands, one a line, all or none reported.
pub async fn links(machine: &NetnsMachine, batch: &str) -> Result<(), MachineError> {
    must(machine, Command::new(["ip", "-batch", "-"]).stdin(batch)).await
}

/// The switch's ports carry the underlay's MTU; the hosts know of a larger one than Ethernet's, but not of a smaller
/// one, as hosts behind a tunnel do not.
fn switch(outside: &[IpAddr], underlay: &Underlay, nodes: &[NetnsMachine]) -> String {
    let mut batch = "link set lo up\nlink add underlay type bridge\nlink set underlay up\n".to_owned();
    batch.extend(outside.iter().map(|address| on_link(*address, "underlay")));
    for (index, node) in nodes.iter().enumerate() {
        let netns = node.netns();
        writeln!(batch, "link add port{index} type veth peer name eth0 netns {netns}").expect("a String takes all");
        writeln!(batch, "link set port{index} mtu {} master underlay up", underlay.mtu).expect("a String takes all");
    }
    batch
}

/// The switch loses so many packets of a hundred, each once: those of its ports where they come in, its own where they
/// go out.
fn loss(percent: u8) -> String {
    let chain = |hook: &str| {
        let kind = format!("type filter hook {hook} priority 0; policy accept;");
        format!("  chain {hook} {{ {kind} numgen random mod 100 < {percent} drop; }}\n")
    };
    format!("table bridge underlay {{\n{}{}}}\n", chain("prerouting"), chain("output"))
}

fn uplink(own: &[IpAddr], gateways: &[IpAddr], underlay: &Underlay) -> String {
    let mut batch = format!("link set lo up\nlink set eth0 mtu {} up\n", underlay.host_mtu());
    batch.extend(own.iter().map(|address| on_link(*address, "eth0")));
    batch.extend(gateways.iter().map(|gateway| format!("route add default via {gateway} dev eth0\n")));
    batch
}

/// An address of a host's; IPv6 would ask for a second whether somebody has it already.
fn on_link(address: IpAddr, device: &str) -> String {
    match address {
        IpAddr::V4(_) => format!("addr add {address}/24 dev {device}\n"),
        IpAddr::V6(_) => format!("addr add {address}/64 dev {device} nodad\n"),
    }
}
