//! What a namespace host has as a node, whoever runs its pods: the network that Calico makes, and its agents' names.

use super::super::{calico, layout::Node, state::ClusterState};
use crate::provider::{
    Command, MachineError,
    netns::{
        NetnsMachine,
        underlay::{links, must},
    },
};

/// The kernel sends one ICMP error a second to a peer, so that many probes at once would see silence where one
/// sees a reject. What decides about a packet stays as it is.
const UNLIMITED_ICMP: [&str; 4] = [
    "net.ipv4.icmp_ratelimit=0",
    "net.ipv6.icmp.ratelimit=0",
    "net.ipv4.icmp_msgs_per_sec=100000",
    "net.ipv4.icmp_msgs_burst=100000",
];

/// Makes the network of the node of this index.
pub async fn connect(state: &ClusterState, index: usize, machine: &NetnsMachine) -> Result<(), MachineError> {
    must(machine, Command::new(["sysctl", "-q", "-e", "-w"].into_iter().chain(UNLIMITED_ICMP))).await?;
    let setup = calico::node_links(state, index, "eth0");
    links(machine, &setup.ip_batch).await?;
    if !setup.bridge_batch.is_empty() {
        must(machine, Command::new(["bridge", "-batch", "-"]).stdin(setup.bridge_batch)).await?;
    }
    set_sysctls(machine, &setup.sysctls).await?;
    for argv in setup.commands {
        must(machine, Command::new(argv)).await?;
    }
    Ok(())
}

pub(super) async fn set_sysctls(machine: &NetnsMachine, sysctls: &[calico::Sysctl]) -> Result<(), MachineError> {
    if sysctls.is_empty() {
        return Ok(());
    }
    let settings = sysctls.iter().map(|sysctl| format!("{}={}", sysctl.path, sysctl.value));
    must(machine, Command::new(["sysctl", "-q", "-w"].map(str::to_owned).into_iter().chain(settings))).await
}

/// Who an agent is, as environment.
#[must_use]
pub fn identity(pod: &str, node: &Node) -> Vec<(String, String)> {
    [("PATHLAB_POD", pod), ("PATHLAB_NODE", &node.name), ("PATHLAB_DISTRO", &node.distro_id)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}
