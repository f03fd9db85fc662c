//! Jumps from the built-in chains to kube-proxy's.

use crate::cluster::dataplane::iptables::{JumpRule, Position, Table};

const NEW: &[&str] = &["-m", "conntrack", "--ctstate", "NEW"];

const JUMPS: [(Table, &str, &[&str], &str, &str); 12] = [
    (Table::Filter, "INPUT", NEW, "kubernetes externally-visible service portals", "KUBE-EXTERNAL-SERVICES"),
    (Table::Filter, "FORWARD", NEW, "kubernetes externally-visible service portals", "KUBE-EXTERNAL-SERVICES"),
    (Table::Filter, "INPUT", &[], "kubernetes health check service ports", "KUBE-NODEPORTS"),
    (Table::Filter, "FORWARD", NEW, "kubernetes service portals", "KUBE-SERVICES"),
    (Table::Filter, "OUTPUT", NEW, "kubernetes service portals", "KUBE-SERVICES"),
    (Table::Filter, "FORWARD", &[], "kubernetes forwarding rules", "KUBE-FORWARD"),
    (Table::Filter, "INPUT", NEW, "kubernetes load balancer firewall", "KUBE-PROXY-FIREWALL"),
    (Table::Filter, "OUTPUT", NEW, "kubernetes load balancer firewall", "KUBE-PROXY-FIREWALL"),
    (Table::Filter, "FORWARD", NEW, "kubernetes load balancer firewall", "KUBE-PROXY-FIREWALL"),
    (Table::Nat, "OUTPUT", &[], "kubernetes service portals", "KUBE-SERVICES"),
    (Table::Nat, "PREROUTING", &[], "kubernetes service portals", "KUBE-SERVICES"),
    (Table::Nat, "POSTROUTING", &[], "kubernetes postrouting rules", "KUBE-POSTROUTING"),
];

/// The jumps, in the order in which kube-proxy ensures them; each goes in front of what is there.
pub fn jumps() -> Vec<JumpRule> {
    let jump = |(table, chain, matches, comment, target)| JumpRule {
        table,
        chain,
        position: Position::First,
        matches,
        comment: Some(comment),
        target,
    };
    JUMPS.into_iter().map(jump).collect()
}
