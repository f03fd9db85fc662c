//! The network between the machines of one cluster: a switch in the outside host, no uplink.

use std::{fmt::Write as _, net::Ipv4Addr};

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

/// Address and host name of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    /// Host name.
    pub name: String,
    /// Address on the underlay, a /24.
    pub ip: Ipv4Addr,
}

/// MTU of an Ethernet, in bytes.
const ETHERNET_MTU: u16 = 1500;

/// Makes the outside host and the nodes, each alone. `prefix` is unique in the lab.
pub async fn create(lab: &NetnsLab, prefix: &str, nodes: &[&str]) -> Result<Hosts, SandboxError> {
    let outside = lab.machine(&format!("{prefix}.outside"), "outside").await?;
    let mut hosts = Hosts { outside, nodes: Vec::new() };
    for node in nodes {
        hosts.nodes.push(lab.machine(&format!("{prefix}.{node}"), node).await?);
    }
    Ok(hosts)
}

/// Connects the nodes to the outside host's switch. `nodes` are in the hosts' order.
pub async fn connect(
    hosts: &Hosts,
    outside_ip: Ipv4Addr,
    nodes: &[HostName],
    underlay: &Underlay,
) -> Result<(), MachineError> {
    links(&hosts.outside, &switch(outside_ip, underlay, &hosts.nodes)).await?;
    for machine in hosts.nodes.iter().chain([&hosts.outside]) {
        // A lab tries many paths at once: beyond six ICMP errors for one peer the kernel stays silent for seconds,
        // and a path that is rejected would look like one that is dropped.
        let command = Command::new(["sysctl", "-q", "-w", "net.ipv4.icmp_ratelimit=0"]);
        machine.run(&command).await?.success(machine.name(), &command)?;
    }
    for (machine, node) in hosts.nodes.iter().zip(nodes) {
        links(machine, &uplink(node.ip, outside_ip)).await?;
        if underlay.mtu < ETHERNET_MTU {
            // Segments that only the driver would cut never meet the small MTU.
            let command = Command::new(["ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off"]);
            machine.run(&command).await?.success(machine.name(), &command)?;
        }
    }
    Ok(())
}

/// Runs `ip` commands, one a line, all or none reported.
pub async fn links(machine: &NetnsMachine, batch: &str) -> Result<(), MachineError> {
    let command = Command::new(["ip", "-batch", "-"]).stdin(batch);
    machine.run(&command).await?.success(machine.name(), &command).map(drop)
}

/// The switch's ports carry the underlay's MTU; the hosts believe in Ethernet's, as hosts behind a tunnel do.
fn switch(outside_ip: Ipv4Addr, underlay: &Underlay, nodes: &[NetnsMachine]) -> String {
    let mut batch = format!(
        "link set lo up\nlink add underlay type bridge\naddr add {outside_ip}/24 dev underlay\nlink set underlay up\n"
    );
    for (index, node) in nodes.iter().enumerate() {
        let netns = node.netns();
        writeln!(batch, "link add port{index} type veth peer name eth0 netns {netns}").expect("a String takes all");
        writeln!(batch, "link set port{index} mtu {} master underlay up", underlay.mtu).expect("a String takes all");
    }
    batch
}

fn uplink(ip: Ipv4Addr, gateway: Ipv4Addr) -> String {
    format!("link set lo up\naddr add {ip}/24 dev eth0\nlink set eth0 up\nroute add default via {gateway} dev eth0\n")
}
