//! Whose rule it is, told from its table, its chain and its text.

use crate::diagnose::state::Chain;

/// Beginnings of chain names, as iptables-based programs choose them.
const CHAINS: [(&str, &str); 18] = [
    ("ufw-", "ufw"),
    ("ufw6-", "ufw"),
    ("KUBE-FIREWALL", "kubelet"),
    ("KUBE-KUBELET", "kubelet"),
    ("KUBE-ROUTER", "kube-router"),
    ("KUBE-POD-FW", "kube-router"),
    ("KUBE-NWPLCY", "kube-router"),
    ("KUBE-", "kube-proxy"),
    ("cali-", "calico"),
    ("CNI-", "portmap"),
    ("FLANNEL-", "flannel"),
    ("CILIUM_", "cilium"),
    ("OLD_CILIUM_", "cilium"),
    ("WEAVE-", "weave"),
    ("DOCKER", "docker"),
    ("LIBVIRT_", "libvirt"),
    ("f2b-", "fail2ban"),
    ("NETAVARK", "netavark"),
];

/// Beginnings of table names, as nftables-based programs choose them.
const TABLES: [(&str, &str); 7] = [
    ("kube-proxy", "kube-proxy"),
    ("calico", "calico"),
    ("cali", "calico"),
    ("libvirt", "libvirt"),
    ("docker", "docker"),
    ("cni_hostport", "portmap"),
    ("netavark", "netavark"),
];

/// Words in a rule's comment.
const COMMENTS: [(&str, &str); 6] = [
    ("cali:", "calico"),
    ("kubernetes", "kube-proxy"),
    ("kube-proxy", "kube-proxy"),
    ("flanneld", "flannel"),
    ("cilium", "cilium"),
    ("docker", "docker"),
];

/// What stands between `filter_` and the zone's name in firewalld's chains.
const ZONE_CHAINS: [&str; 10] =
    ["FWDI", "FWDO", "FWD", "IN", "OUT", "PREROUTING", "POSTROUTING", "PRE", "POST", "INPUT"];

/// Owner of a rule. `rule` is none for the policy of a base chain, which `base` is then.
#[must_use]
pub fn owner(table: &str, chain: &str, rule: Option<&str>, base: Option<&Chain>) -> String {
    let name = table.split_once(' ').map_or(table, |(_, name)| name);
    if name == "firewalld" {
        return firewalld(chain);
    }
    let known = known(&CHAINS, chain).or_else(|| known(&TABLES, name)).or_else(|| rule.and_then(commented));
    let known = known.or_else(|| match (rule, base) {
        (None, Some(base)) => policy_setter(base),
        _ => None,
    });
    known.unwrap_or("user").to_owned()
}

fn known(names: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    names.iter().find(|(start, _)| name.starts_with(start)).map(|(_, owner)| *owner)
}

fn commented(rule: &str) -> Option<&'static str> {
    let (_, comment) = rule.split_once("comment ")?;
    COMMENTS.iter().find(|(word, _)| comment.contains(word)).map(|(_, owner)| *owner)
}

/// A built-in chain's policy is set by the firewalls that hook their own chains into it; the others leave it alone.
fn policy_setter(base: &Chain) -> Option<&'static str> {
    let jumps = |start: &str| base.rules.iter().any(|rule| rule.contains(&format!("jump {start}")));
    [("ufw-", "ufw"), ("DOCKER", "docker")].into_iter().find(|(start, _)| jumps(start)).map(|(_, owner)| owner)
}

fn firewalld(chain: &str) -> String {
    if let Some((_, policy)) = chain.split_once("_policy_") {
        return format!("firewalld policy {}", without_part(policy));
    }
    zone(chain).map_or_else(|| "firewalld".to_owned(), |zone| format!("firewalld zone {zone}"))
}

/// The zone that a chain of firewalld's belongs to: `filter_FWD_public_deny` → `public`.
#[must_use]
pub fn zone(chain: &str) -> Option<&str> {
    let (_, rest) = chain.split_once('_')?;
    let (part, zone) = rest.split_once('_')?;
    let of_zone =
        ZONE_CHAINS.contains(&part) && zone != "ZONES" && !zone.starts_with("POLICIES") && !zone.starts_with("policy_");
    of_zone.then(|| without_part(zone))
}

/// Zones and policies have one chain for each step of theirs.
fn without_part(name: &str) -> &str {
    ["_pre", "_log", "_deny", "_allow", "_post"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::{Chain, owner};

    #[test]
    fn owners_by_chain_and_table() {
        for (table, chain, expected) in [
            ("inet firewalld", "filter_FWD_public", "firewalld zone public"),
            ("inet firewalld", "filter_IN_k8s_pods_deny", "firewalld zone k8s_pods"),
            ("inet firewalld", "filter_FORWARD", "firewalld"),
            ("inet firewalld", "filter_FORWARD_ZONES", "firewalld"),
            ("inet firewalld", "filter_FWD_policy_egress_allow", "firewalld policy egress"),
            ("ip filter", "ufw-user-forward", "ufw"),
            ("ip filter", "KUBE-FORWARD", "kube-proxy"),
            ("ip filter", "KUBE-FIREWALL", "kubelet"),
            ("ip filter", "cali-tw-calia1b2c3", "calico"),
            ("ip kube-proxy", "service-endpoints", "kube-proxy"),
            ("ip libvirt_network", "guest_output", "libvirt"),
            ("ip filter", "DOCKER-USER", "docker"),
            ("ip filter", "FORWARD", "user"),
            ("inet mine", "forward", "user"),
        ] {
            assert_eq!(owner(table, chain, Some("drop"), None), expected, "{table} {chain}");
        }
    }

    #[test]
    fn a_comment_names_the_owner_in_a_built_in_chain() {
        let rule = "-A FORWARD -m comment --comment \"cali:wUHhoiAYhphO9Mso\" -j DROP";
        assert_eq!(owner("ip filter", "FORWARD", Some(rule), None), "calico");
    }

    #[test]
    fn a_policy_belongs_to_the_firewall_in_the_chain() {
        let base =
            |rule: &str| Chain { rules: vec!["jump KUBE-FORWARD".to_owned(), rule.to_owned()], ..Chain::default() };
        let of = |rule: &str| owner("ip filter", "FORWARD", None, Some(&base(rule)));
        assert_eq!(of("jump ufw-before-forward"), "ufw");
        assert_eq!(of("jump DOCKER-USER"), "docker");
        assert_eq!(of("ip saddr 10.0.0.0/8 accept"), "user");
    }
}
