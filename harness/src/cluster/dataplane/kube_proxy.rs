//! What kube-proxy in iptables mode programs on a node: equal in effect and shape to that of Kubernetes 1.2x to 1.3x.

mod jumps;
mod names;
mod service;

use self::{names::Chain, service::PortRules};
use super::{
    iptables::{IptablesProgram, Table},
    state::ClusterState,
};
use crate::model::IpFamily;

/// Chains whose absence tells kube-proxy that somebody flushed its rules, one per table.
pub const CANARY: &str = "KUBE-PROXY-CANARY";

/// Seconds after which kube-proxy looks for its canary, and so re-syncs at the latest after a flush.
pub const SYNC_PERIOD: u64 = 30;

/// The mark that says: masquerade this packet.
const MASQUERADE_MARK: &str = "0x4000/0x4000";

/// What kube-proxy programs on a node (an index into [`ClusterState::nodes`]) for one version of IP.
#[must_use]
pub fn program(state: &ClusterState, node: usize, family: IpFamily) -> IptablesProgram {
    let mut program = IptablesProgram::new(family, jumps::jumps());
    declare(&mut program);
    common_rules(&mut program);
    for service in state.services.iter().filter(|service| service.cluster_ip(family).is_some()) {
        for port in &service.ports {
            PortRules::new(service, port, node, family).add(&mut program);
        }
    }
    program.rule(
        Table::Nat,
        "KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this must be the last rule in this chain\" \
         -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
    );
    program
}

/// Names of the chains that a service port has on a node, for a trace's explanation: `KUBE-SVC-…`, and
/// `KUBE-SEP-…` of each endpoint.
#[must_use]
pub fn chain_names(service: &super::state::Service, port: &super::state::ServicePort) -> (String, Vec<String>) {
    let id = names::PortId::new(service, port);
    (id.chain(Chain::Service), port.endpoints.iter().map(|endpoint| id.endpoint_chain(*endpoint)).collect())
}

fn declare(program: &mut IptablesProgram) {
    for table in [Table::Filter, Table::Mangle, Table::Nat] {
        program.chain(table, CANARY);
    }
    for chain in ["KUBE-NODEPORTS", "KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-FORWARD", "KUBE-PROXY-FIREWALL"] {
        program.chain(Table::Filter, chain);
    }
    for chain in ["KUBE-NODEPORTS", "KUBE-SERVICES", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"] {
        program.chain(Table::Nat, chain);
    }
}

fn common_rules(program: &mut IptablesProgram) {
    // A packet that conntrack cannot place would bypass NAT and confuse the other side.
    program.rule(Table::Filter, "KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP");
    program.rule(
        Table::Filter,
        format!("KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" -m mark --mark {MASQUERADE_MARK} -j ACCEPT"),
    );
    program.rule(
        Table::Filter,
        "KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" \
         -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    );
    program.rule(Table::Nat, format!("KUBE-POSTROUTING -m mark ! --mark {MASQUERADE_MARK} -j RETURN"));
    // The mark is taken off, so that a packet that is sent once more (over VXLAN) is not masqueraded again.
    program.rule(Table::Nat, "KUBE-POSTROUTING -j MARK --xor-mark 0x4000");
    program.rule(
        Table::Nat,
        "KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully",
    );
    program.rule(Table::Nat, "KUBE-MARK-MASQ -j MARK --or-mark 0x4000");
}
