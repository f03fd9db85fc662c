//! The network between the machines: MTU and loss.

use super::{Variant, case, run_scenario};

use libtest_mimic::Trial;

use crate::trials;

/// The tests of this file.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        a_small_mtu_stalls_large_payloads_between_nodes,
        offloads_hide_a_small_mtu_from_tcp,
        a_large_mtu_is_used,
        a_lossy_network_is_lossy_between_machines_only,
    ]
}

fn a_small_mtu_stalls_large_payloads_between_nodes() {
    // Which paths stall stands in the scenario as known issues: small ones and those within a node are right.
    let lab = run_scenario("underlay-mtu", &[]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    for path in [
        "remote-pod-to-pod-ip:large",
        "remote-pod-to-service:large",
        "remote-node-to-node-port:large",
        "remote-pod-to-service:udp:large",
    ] {
        let case = case(&lab, "underlay-mtu", path);
        assert_eq!((&case["verdict"], &case["cause"]["kind"]), (&"known".into(), &"mtu".into()), "{case}");
    }
    let remedy = lab.remedy("ubuntu-22.04", "tell-the-hosts");
    assert_eq!(remedy["verdict"], "fixes", "{remedy}");
}

/// Packets that nobody cuts never meet the small MTU; Calico's VXLAN device cuts whatever goes into the tunnel.
fn offloads_hide_a_small_mtu_from_tcp() {
    let offloaded = [("scenario.yaml", "{ mtu: 1400 }", "{ mtu: 1400, offloads: true }")];
    let lab = Variant::of("underlay-mtu", &offloaded).run(&["--filter", ":large", "--remedy", "none"]);
    assert_eq!(case(&lab, "underlay-mtu", "remote-node-to-node-port:large")["outcome"], "ok", "{}", lab.said());
    assert_eq!(case(&lab, "underlay-mtu", "remote-pod-to-pod-ip:large")["outcome"], "stalled");
}

fn a_large_mtu_is_used() {
    let jumbo = [("scenario.yaml", "{ mtu: 1400 }", JUMBO)];
    let lab = Variant::of("underlay-mtu", &jumbo).run(&["--filter", ":large", "--remedy", "none"]);
    assert_eq!(case(&lab, "underlay-mtu", "remote-pod-to-service:large")["outcome"], "ok", "{}", lab.said());
}

/// With a condition that fails where the interfaces do not have the network's MTU.
const JUMBO: &str = "{ mtu: 9000 }
conditions:
  - { name: jumbo, when: after-deploy, run: [\"ip link show eth0 | grep 'mtu 9000'\", \"ip link show vxlan.calico | grep 'mtu 8950'\"] }";

fn a_lossy_network_is_lossy_between_machines_only() {
    let lab = run_scenario("underlay-loss", &[]);
    for path in ["pod-to-service:large", "node-to-service:large"] {
        assert_eq!(case(&lab, "underlay-loss", path)["verdict"], "pass", "{path}");
    }
    let lost = case(&lab, "underlay-loss", "remote-pod-to-service");
    assert!(["timeout", "stalled"].contains(&lost["outcome"].as_str().unwrap_or_default()), "{lost}");
}
