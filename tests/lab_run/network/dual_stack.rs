//! Dual-stack clusters: Services, paths and policies over IPv6.

use super::{Variant, case, run_scenario};

use libtest_mimic::Trial;

use crate::trials;

/// The tests of this file.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        every_way_works_over_both_versions_of_ip,
        firewalld_rejects_both_alike_and_a_remedy_must_name_both,
        a_service_of_ipv6_alone_has_no_other_address,
        policies_hold_over_ipv6,
    ]
}

fn every_way_works_over_both_versions_of_ip() {
    let lab = run_scenario("dual-stack", &["ubuntu"]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    let cases = lab.report()["cases"].as_array().expect("cases").len();
    assert_eq!(cases, 42, "half of them over IPv6");
    let ipv6 = case(&lab, "dual-stack", "outside-to-node-port:ipv6");
    assert_eq!(ipv6["family"], "ipv6");
    let source = case(&lab, "dual-stack", "pod-to-service:ipv6")["source_ip"].clone();
    assert!(source.as_str().is_some_and(|source| source.starts_with("fd01::")), "{source}");
}

/// firewalld's table is for both versions: what it rejects, it rejects over both, and a remedy must name both.
fn firewalld_rejects_both_alike_and_a_remedy_must_name_both() {
    // Not the host port: the reload flushes it, over both versions of IP.
    let only = ["rhel", "--filter", "::pod-to-", "--filter", "outside-to-node-port", "--filter", "outside-to-ingress"];
    let lab = run_scenario("dual-stack", &only);
    let report = lab.report();
    let cases = report["cases"].as_array().expect("cases");
    let installed = |path: &str| {
        let id = format!("dual-stack::rhel-9.5::as-installed::{path}");
        cases.iter().find(|case| case["id"] == *id).unwrap_or_else(|| panic!("no case {id}"))
    };
    for path in ["pod-to-pod-ip", "pod-to-service", "outside-to-node-port", "outside-to-ingress"] {
        let (ipv4, ipv6) = (installed(path), installed(&format!("{path}:ipv6")));
        assert_eq!(ipv4["outcome"], ipv6["outcome"], "{path}");
        for key in ["kind", "owner", "table", "chain"] {
            assert_eq!(ipv4["cause"][key], ipv6["cause"][key], "{path}: {} and {}", ipv4["cause"], ipv6["cause"]);
        }
    }
    let rejected = installed("pod-to-pod-ip:ipv6");
    assert_eq!((&rejected["outcome"], &rejected["verdict"]), (&"rejected".into(), &"known".into()));
    assert_eq!(rejected["cause"]["owner"], "firewalld zone public");
    assert_eq!(lab.remedy("rhel-9.5", "trust-ipv4")["verdict"], "partly");
    assert_eq!(lab.remedy("rhel-9.5", "trust-both")["verdict"], "fixes");
}

fn a_service_of_ipv6_alone_has_no_other_address() {
    let alone = [("zeus.yaml", "ipFamilyPolicy: RequireDualStack", "ipFamilies: [IPv6]")];
    let lab =
        Variant::of("dual-stack", &alone).run(&["ubuntu", "--filter", "to-service:ipv6", "--filter", "to-ingress"]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    let lab = Variant::of("dual-stack", &alone).run(&["ubuntu", "--filter", "::pod-to-service"]);
    assert_eq!(lab.status(), 2, "{}", lab.said());
    assert!(lab.said().contains("has no IPv4 address: use `family: ipv6`"), "{}", lab.said());
}

fn policies_hold_over_ipv6() {
    let both = [
        ("shop.yaml", "type: NodePort", "type: NodePort\n  ipFamilyPolicy: RequireDualStack"),
        ("scenario.yaml", "paths:\n", IPV6_PATHS),
    ];
    let lab = Variant::of("network-policy", &both).run(&["--filter", ":ipv6"]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    assert_eq!(lab.report()["cases"].as_array().expect("cases").len(), 8);
}

const IPV6_PATHS: &str = "paths:
  - { from: [pod, node], to: [pod-ip, service], family: ipv6 }
  - { from: [remote-pod, remote-node, outside], to: pod-ip, family: ipv6, expect: blocked }
  - { from: backend, to: service, family: ipv6, expect: blocked }
";
