//! Kernel features that a lab needs, tried in fresh namespaces: nothing is asked of configuration files.

use super::{Check, Status, namespaces::CONTAINER};

/// Prints `NAME<tab>ANSWER` for each feature: `ok`, else the first line of what the program said.
///
/// Runs as PID 1 of a sandbox; `/proc` and `/run` come first, since programs behind them need those.
pub(super) const TRIALS: &str = r#"
try() {
    name=$1; shift
    if said=$("$@" 2>&1); then said=ok; fi
    printf '%s\t%s\n' "$name" "${said%%
*}"
}
try proc mount -t proc proc /proc
try tmpfs mount -t tmpfs tmpfs /run
try veth ip link add try-a type veth peer name try-b
try bridge ip link add try-bridge type bridge
try vxlan ip link add try-vxlan type vxlan id 4096 dstport 4789
try forwarding sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.conf.all.proxy_arp=1
try nft nft 'table inet try { chain c { type filter hook forward priority 10; ct status dnat accept; reject with icmpx admin-prohibited; }; }'
try nat iptables -t nat -A POSTROUTING -m comment --comment try -m mark --mark 0x4000/0x4000 -j MASQUERADE
try balancing iptables -t nat -A PREROUTING -p tcp -m addrtype --dst-type LOCAL -m statistic --mode random --probability 0.5 -j DNAT --to-destination 192.0.2.1:80
"#;

/// A feature: name in the script, name for people, what a lab does with it, modules that hold it.
const FEATURES: [(&str, &str, &str, &str); 9] = [
    ("proc", "fresh /proc", "the sandbox's own view of its processes", ""),
    ("tmpfs", "tmpfs", "a private /run for every host", ""),
    ("veth", "veth", "links of pods and hosts", "veth"),
    ("bridge", "bridge", "the network between hosts", "bridge"),
    ("vxlan", "vxlan", "the pod network across hosts", "vxlan"),
    ("forwarding", "forwarding", "hosts that route, as Kubernetes sets them", ""),
    ("nft", "nftables", "firewalld's rules", "nf_tables nf_conntrack nft_ct nft_reject_inet"),
    ("nat", "masquerading", "the source address of Service traffic", "nft_compat xt_MASQUERADE xt_mark xt_comment"),
    ("balancing", "Service rules", "kube-proxy's choice of a pod", "nft_compat xt_addrtype xt_statistic xt_nat"),
];

/// One check per feature, from what the script printed.
pub(super) fn judge(answers: &str) -> Vec<Check> {
    FEATURES
        .iter()
        .map(|(key, name, use_, modules)| {
            let answer = answers.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('\t'));
            match answer {
                Some("ok") => Check::ok(name, *use_),
                // The shell's word for a program that is missing: its own check says so already.
                Some(said) if said.ends_with("not found") => Check {
                    name: (*name).to_owned(),
                    status: Status::Warning,
                    detail: format!("not tried: {said}"),
                    fix: None,
                },
                Some(said) => Check::lacking(name, Status::Missing, format!("{use_}: {said}"), fix(key, modules)),
                None => Check::lacking(name, Status::Missing, "the trial ended before it", CONTAINER),
            }
        })
        .collect()
}

fn fix(key: &str, modules: &str) -> String {
    match (key, modules) {
        ("proc" | "tmpfs" | "forwarding", _) => format!("parts of /proc are masked or read-only here: {CONTAINER}"),
        _ => format!(
            "sudo modprobe -a {modules} (packages of kernel modules: linux-modules-extra on Ubuntu, kernel-modules on Fedora and RHEL)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{FEATURES, TRIALS, judge};
    use crate::provider::needs::{Status, is_ready};

    #[test]
    fn every_feature_is_tried() {
        let tried: Vec<&str> = TRIALS.lines().filter_map(|line| line.strip_prefix("try ")?.split(' ').next()).collect();
        assert_eq!(tried, FEATURES.map(|feature| feature.0));
    }

    #[test]
    fn answers_are_told_apart() {
        let mut answers: String = FEATURES.map(|(key, ..)| format!("{key}\tok\n")).concat();
        assert!(is_ready(&judge(&answers)));
        answers = answers.replace("vxlan\tok", "vxlan\tError: Unknown device type.");
        answers = answers.replace("nft\tok", "nft\tsh: 3: nft: not found").replace("balancing\tok\n", "");
        let checks = judge(&answers);
        let status = |name: &str| checks.iter().find(|check| check.name == name).map(|check| check.status);
        assert_eq!(status("vxlan"), Some(Status::Missing));
        assert_eq!(status("nftables"), Some(Status::Warning));
        assert_eq!(status("Service rules"), Some(Status::Missing));
        assert!(checks.iter().any(|check| check.fix.as_deref().is_some_and(|fix| fix.contains("modprobe -a vxlan"))));
    }

    #[test]
    fn a_masked_proc_is_a_matter_of_the_container() {
        let checks = judge("proc\tmount: /proc: permission denied.\n");
        assert!(checks[0].fix.as_deref().is_some_and(|fix| fix.contains("systempaths=unconfined")), "{:?}", checks[0]);
    }
}
