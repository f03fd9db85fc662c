//! calico-node's work on this node: devices, routes and rules, as on the lab's own nodes.

use std::net::Ipv4Addr;

use fs_err as fs;
use pathlab::{
    cluster::dataplane::{ClusterState, calico, felix, iptables::IptablesProgram, layout::VXLAN_DEVICE},
    model::IpFamily,
};

use super::{Failure, sh};

/// Name and MTU of the interface that has this address.
pub fn underlay(ip: Ipv4Addr) -> Result<(String, u16), Failure> {
    let said =
        std::process::Command::new("ip").args(["-o", "-4", "address", "show", "to", &ip.to_string()]).output()?;
    let said = String::from_utf8(said.stdout)?;
    let name = said.split_whitespace().nth(1).ok_or_else(|| format!("no interface has the address {ip}"))?;
    let mtu = fs::read_to_string(format!("/sys/class/net/{name}/mtu"))?.trim().parse()?;
    Ok((name.to_owned(), mtu))
}

/// Makes the tunnel to all other nodes anew.
pub async fn links(state: &ClusterState, node: usize) -> Result<(), Failure> {
    let (device, _) = underlay(state.nodes[node].ip)?;
    if fs::exists(format!("/sys/class/net/{VXLAN_DEVICE}"))? {
        sh(&["ip", "link", "delete", VXLAN_DEVICE], "").await?;
    }
    let setup = calico::node_links(state, node, &device);
    sh(&["ip", "-batch", "-"], &setup.ip_batch).await?;
    if !setup.bridge_batch.is_empty() {
        sh(&["bridge", "-batch", "-"], &setup.bridge_batch).await?;
    }
    for setting in &setup.sysctls {
        fs::write(format!("/proc/sys/{}", setting.path), &setting.value)?;
    }
    for command in &setup.commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        sh(&words, "").await?;
    }
    Ok(())
}

/// Writes what is missing of its rules.
pub async fn rules(state: &ClusterState, node: usize) -> Result<(), Failure> {
    let always = [calico::program(IpFamily::Ipv4)];
    let programs: Vec<IptablesProgram> =
        always.into_iter().chain(felix::program(state, node, IpFamily::Ipv4)).collect();
    let saved = sh(&["iptables-save"], "").await?;
    if programs.iter().any(|program| program.is_damaged(&saved)) {
        let text: String = programs.iter().map(|program| program.sync(&saved)).collect();
        sh(&["iptables-restore", "--noflush", "--wait"], &text).await?;
    }
    Ok(())
}
