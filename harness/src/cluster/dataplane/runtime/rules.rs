//! Loading the cluster's rules with the hosts' own iptables.

use futures_util::future::try_join_all;

use super::RuntimeError;
use crate::{
    cluster::dataplane::{calico, felix, iptables::IptablesProgram, kube_proxy, portmap, state::ClusterState},
    provider::{Command, Machine as _, netns::NetnsMachine},
};

/// Everything: what is re-synced, and the host ports, which are not.
pub(super) async fn write_all(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<(), RuntimeError> {
    let all = nodes.iter().enumerate().map(|(index, machine)| async move {
        let mut programs = synced(state, index);
        programs.extend(portmap::program(state, index));
        load(machine, &programs).await
    });
    try_join_all(all).await.map(drop)
}

/// What kube-proxy and Calico write again when they find it gone.
pub(super) async fn sync(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<(), RuntimeError> {
    let all =
        nodes.iter().enumerate().map(|(index, machine)| async move { load(machine, &synced(state, index)).await });
    try_join_all(all).await.map(drop)
}

/// Whether what they watch is there on every node.
pub(super) async fn intact(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<bool, RuntimeError> {
    for (index, machine) in nodes.iter().enumerate() {
        let saved = saved(machine).await?;
        if synced(state, index).iter().any(|program| program.is_damaged(&saved)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn synced(state: &ClusterState, node: usize) -> Vec<IptablesProgram> {
    [kube_proxy::program(state, node), calico::program()].into_iter().chain(felix::program(state, node)).collect()
}

async fn load(machine: &NetnsMachine, programs: &[IptablesProgram]) -> Result<(), RuntimeError> {
    let saved = saved(machine).await?;
    let text: String = programs.iter().map(|program| program.sync(&saved)).collect();
    let command = Command::new(["iptables-restore", "--noflush", "--wait"]).stdin(text);
    machine.run(&command).await?.success(machine.name(), &command)?;
    Ok(())
}

async fn saved(machine: &NetnsMachine) -> Result<String, RuntimeError> {
    let command = Command::new(["iptables-save"]);
    Ok(machine.run(&command).await?.success(machine.name(), &command)?.text())
}
