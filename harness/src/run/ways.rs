//! Ways from a host outside to the networks that only a cluster's nodes know.

use std::net::{IpAddr, Ipv4Addr};

use super::observation::OutOfReach;
use crate::{
    model::{Target, Vantage},
    provider::{Command, Machine, MachineError},
};

/// The networks that only the nodes know, as MicroK8s has them, and what is aimed at there.
pub(super) const CLUSTER_NETWORKS: [(Target, &str); 2] =
    [(Target::Service, "10.152.183.0/24"), (Target::PodIp, "10.1.0.0/16")];

/// What a host outside cannot look at because no route leads there by one of these nodes: its packets would go to whoever
/// is its gateway. `name` is the host's, for the reason.
pub(super) async fn missing(host: &dyn Machine, name: &str, nodes: &[IpAddr]) -> Result<Vec<OutOfReach>, MachineError> {
    let mut missing = Vec::new();
    for (target, network) in CLUSTER_NETWORKS {
        let command = Command::new(["ip", "-o", "route", "get", &address_in(network)]);
        let said = host.run(&command).await?.text();
        if !next_hop(&said).is_some_and(|hop| nodes.contains(&hop)) {
            let reason = format!("{name} has no route to {network} by a node of the cluster");
            missing.push(OutOfReach { from: Some(Vantage::Outside), to: target, reason });
        }
    }
    Ok(missing)
}

/// An address of a network.
fn address_in(network: &str) -> String {
    let address: Ipv4Addr =
        network.split('/').next().and_then(|first| first.parse().ok()).unwrap_or(Ipv4Addr::LOCALHOST);
    Ipv4Addr::from(u32::from(address) + 1).to_string()
}

/// By whom a packet would go, as `ip route get` says it.
fn next_hop(said: &str) -> Option<IpAddr> {
    let mut words = said.split_whitespace().skip_while(|word| *word != "via").skip(1);
    // `via inet6 …` is of another version of IP.
    words.next()?.parse().ok().filter(|hop| *hop != IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

#[cfg(test)]
mod tests {
    use super::{address_in, next_hop};

    #[test]
    fn the_next_hop_is_read() {
        let said = "10.152.183.1 via 192.0.2.11 dev eth0 src 192.0.2.100 uid 0 \\    cache \n";
        assert_eq!(next_hop(said), Some([192, 0, 2, 11].into()));
        assert_eq!(next_hop("10.1.0.1 dev eth0 src 192.0.2.100 uid 0 \\    cache"), None);
        assert_eq!(next_hop("RTNETLINK answers: Network is unreachable"), None);
        assert_eq!(address_in("10.152.183.0/24"), "10.152.183.1");
    }
}
