//! Network policies.

use super::{Variant, case, run_scenario};

use libtest_mimic::Trial;

use crate::trials;

/// The tests of this file.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        policies_let_through_what_they_name,
        a_packet_that_a_policy_drops_is_laid_at_calicos_door,
        without_policies_everything_passes_and_no_chain_is_there,
        the_hosts_firewall_still_has_its_say,
    ]
}

fn policies_let_through_what_they_name() {
    // What is right stands in the scenario, path by path.
    let lab = run_scenario("network-policy", &[]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    assert_eq!(lab.report()["cases"].as_array().expect("cases").len(), 18);
}

fn a_packet_that_a_policy_drops_is_laid_at_calicos_door() {
    let lab = Variant::of("network-policy", &[("scenario.yaml", ", expect: blocked", "")]).run(&[]);
    assert_eq!(lab.status(), 1, "{}", lab.said());
    for (path, chain) in [
        ("remote-pod-to-service", "cali-tw-"),
        ("remote-node-to-pod-ip", "cali-tw-"),
        ("outside-to-pod-ip", "cali-tw-"),
        ("pod-to-pod-ip:tcp", "cali-tw-"),
        ("backend-to-service", "cali-fw-"),
        ("backend-to-api-server", "cali-fw-"),
    ] {
        let failed = case(&lab, "network-policy", path);
        let cause = &failed["cause"];
        assert_eq!((&failed["outcome"], &failed["verdict"]), (&"timeout".into(), &"fail".into()), "{failed}");
        assert_eq!((&cause["kind"], &cause["owner"]), (&"firewall-drop".into(), &"calico".into()), "{cause}");
        assert!(cause["chain"].as_str().is_some_and(|name| name.starts_with(chain)), "{cause}");
        assert!(cause["rule"].as_str().is_some_and(|rule| rule.contains("no policies passed")), "{cause}");
    }
}

fn without_policies_everything_passes_and_no_chain_is_there() {
    let none = [
        ("scenario.yaml", ", policies.yaml]", "]"),
        ("scenario.yaml", ", expect: blocked", ""),
        ("scenario.yaml", "paths:\n", NO_CHAINS),
    ];
    let lab = Variant::of("network-policy", &none).run(&[]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
}

/// A condition that fails where a chain of Felix's is there.
const NO_CHAINS: &str = "conditions:\n  - { name: no chains, when: after-deploy, run: [\"! iptables-save | grep cali-FORWARD\"] }\npaths:\n";

/// What a policy lets through is not accepted for good: the host's firewall stands behind it, and the seed bug shows.
fn the_hosts_firewall_still_has_its_say() {
    let lab = run_scenario("network-policy", &["rhel", "--filter", "::pod-to-"]);
    let outcome = |path: &str| lab.case(&format!("network-policy::rhel-9.5::as-installed::{path}")).0;
    assert_eq!(outcome("pod-to-pod-ip"), "rejected", "{}", lab.said());
    assert_eq!(outcome("pod-to-service"), "ok");
}
