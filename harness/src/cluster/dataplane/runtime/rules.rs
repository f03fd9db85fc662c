//! Loading the cluster's rules with the hosts' own iptables.

use futures_util::future::try_join_all;

use super::RuntimeError;
use crate::{
    cluster::dataplane::{calico, felix, iptables::IptablesProgram, kube_proxy, portmap, state::ClusterState},
    model::IpFamily,
    provider::{Command, Machine as _, netns::NetnsMachine},
};

/// Everything: what is re-synced, and the host ports, which are not.
pub(super) async fn write_all(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<(), RuntimeError> {
    let all = nodes.iter().enumerate().map(|(index, machine)| async move {
        for &family in &state.families {
            let mut programs = synced(state, index, family);
            programs.extend(portmap::program(state, index, family));
            load(machine, &programs, family).await?;
        }
        Ok::<_, RuntimeError>(())
    });
    try_join_all(all).await.map(drop)
}

/// What kube-proxy and Calico write again when they find it gone.
pub(super) async fn sync(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<(), RuntimeError> {
    let all = nodes.iter().enumerate().map(|(index, machine)| async move {
        for &family in &state.families {
            load(machine, &synced(state, index, family), family).await?;
        }
        Ok::<_, RuntimeError>(())
    });
    try_join_all(all).await.map(drop)
}

/// Whether what they watch is there on every node.
pub(super) async fn intact(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<bool, RuntimeError> {
    for (index, machine) in nodes.iter().enumerate() {
        for &family in &state.families {
            let saved = saved(machine, family).await?;
            if synced(state, index, family).iter().any(|program| program.is_damaged(&saved)) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn synced(state: &ClusterState, node: usize, family: IpFamily) -> Vec<IptablesProgram> {
    let always = [kube_proxy::program(state, node, family), calico::program(family)];
    always.into_iter().chain(felix::program(state, node, family)).collect()
}

async fn load(machine: &NetnsMachine, programs: &[IptablesProgram], family: IpFamily) -> Result<(), RuntimeError> {
    let saved = saved(machine, family).await?;
    let restore = format!("{}-restore", IptablesProgram::tool(family));
    let text: String = programs.iter().map(|program| program.sync(&saved)).collect();
    let command = Command::new([restore.as_str(), "--noflush", "--wait"]).stdin(text);
    machine.run(&command).await?.success(machine.name(), &command)?;
    Ok(())
}

async fn saved(machine: &NetnsMachine, family: IpFamily) -> Result<String, RuntimeError> {
    let command = Command::new([format!("{}-save", IptablesProgram::tool(family))]);
    Ok(machine.run(&command).await?.success(machine.name(), &command)?.text())
}
