//! What the CNI plugin `portmap` programs for host ports. It does so once, when a pod starts: what somebody
//! flushes afterwards does not come back.

use std::net::{IpAddr, SocketAddr};

use sha2::{Digest, Sha512};

use super::{
    iptables::{IptablesProgram, JumpRule, Position, Table},
    state::{ClusterState, HostPort, Pod},
};
use crate::{
    cluster::manifest::{Cidr, Transport},
    hex,
    model::IpFamily,
};

/// The network's name in Calico's CNI configuration; part of what the plugin hashes.
const NETWORK: &str = "k8s-pod-network";

const MASQUERADE_MARK: &str = "0x2000/0x2000";

/// What the plugin programs on a node for one version of IP; none when no pod there has a host port.
#[must_use]
pub fn program(state: &ClusterState, node: usize, family: IpFamily) -> Option<IptablesProgram> {
    of_pods(state.pods_on(node), family)
}

/// What the plugin programs when these pods start; none when none of them has a host port.
#[must_use]
pub fn of_pods<'a>(pods: impl Iterator<Item = &'a Pod>, family: IpFamily) -> Option<IptablesProgram> {
    let pods: Vec<&Pod> = pods.filter(|pod| !pod.host_ports.is_empty()).collect();
    if pods.is_empty() {
        return None;
    }
    let mut program = IptablesProgram::new(family, jumps());
    for chain in ["CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-DNAT"] {
        program.chain(Table::Nat, chain);
    }
    program.rule(
        Table::Nat,
        format!("CNI-HOSTPORT-SETMARK -m comment --comment \"CNI portfwd masquerade mark\" -j MARK --set-xmark {MASQUERADE_MARK}"),
    );
    program.rule(Table::Nat, format!("CNI-HOSTPORT-MASQ -m mark --mark {MASQUERADE_MARK} -j MASQUERADE"));
    for pod in pods {
        add_pod(&mut program, pod, family);
    }
    Some(program)
}

fn jumps() -> Vec<JumpRule> {
    let local: &[&str] = &["-m", "addrtype", "--dst-type", "LOCAL"];
    let to_dnat = |chain| JumpRule {
        table: Table::Nat,
        chain,
        position: Position::Last,
        matches: local,
        comment: None,
        target: "CNI-HOSTPORT-DNAT",
    };
    let masquerade = JumpRule {
        table: Table::Nat,
        chain: "POSTROUTING",
        position: Position::First,
        matches: &[],
        comment: Some("CNI portfwd requiring masquerade"),
        target: "CNI-HOSTPORT-MASQ",
    };
    vec![masquerade, to_dnat("PREROUTING"), to_dnat("OUTPUT")]
}

fn add_pod(program: &mut IptablesProgram, pod: &Pod, family: IpFamily) {
    let Some(ip) = pod.address(family) else { return };
    // The address that a port is bound to is an IPv4 address.
    let own = || pod.host_ports.iter().filter(|port| family == IpFamily::Ipv4 || port.host_ip.is_none());
    let id = hash(&format!("{}/{}", pod.namespace, pod.name));
    let chain = format!("CNI-DN-{}", &hash(&format!("{NETWORK}{id}"))[..21]);
    program.chain(Table::Nat, chain.clone());
    for transport in [Transport::Tcp, Transport::Udp] {
        let ports = own().filter(|port| port.transport == transport).map(|port| port.host_port.to_string());
        let ports: Vec<String> = ports.collect();
        // The match takes 15 ports at most.
        for ports in ports.chunks(15) {
            let comment = format!("dnat name: '{NETWORK}' id: '{}'", &id[..16]);
            program.rule(
                Table::Nat,
                format!(
                    "CNI-HOSTPORT-DNAT -m comment --comment \"{comment}\" -p {transport} -m multiport --destination-ports {} -j {chain}",
                    ports.join(","),
                ),
            );
        }
    }
    for port in own() {
        add_port(program, &chain, ip, port);
    }
}

fn add_port(program: &mut IptablesProgram, chain: &str, ip: IpAddr, port: &HostPort) {
    let HostPort { transport, host_port, host_ip, port } = port;
    let address = host_ip.map(|ip| format!(" -d {ip}")).unwrap_or_default();
    let to = format!("{chain} -p {transport} -m {transport} --dport {host_port}{address}");
    program.rule(Table::Nat, format!("{to} -s {} -j CNI-HOSTPORT-SETMARK", Cidr::host(ip)));
    if ip.is_ipv4() {
        program.rule(Table::Nat, format!("{to} -s 127.0.0.1/32 -j CNI-HOSTPORT-SETMARK"));
    }
    program.rule(Table::Nat, format!("{to} -j DNAT --to-destination {}", SocketAddr::new(ip, *port)));
}

fn hash(text: &str) -> String {
    hex::of(Sha512::digest(text))
}
