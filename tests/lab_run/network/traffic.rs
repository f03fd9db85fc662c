//! Traffic policies of Services, the source address that backends see, hairpins, and many requests.

use serde_json::Value;

use super::{Variant, case, run_scenario};
use crate::support::Lab;

use libtest_mimic::Trial;

use crate::trials;

/// The tests of this file.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        local_services_keep_the_source_and_answer_on_their_own_node,
        a_source_that_is_not_the_expected_one_fails_the_case,
        internal_local_services_answer_on_their_own_node_only,
        many_requests_meet_every_pod_and_no_other,
    ]
}

fn local_services_keep_the_source_and_answer_on_their_own_node() {
    let lab = run_scenario("service-traffic", &[]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    let hairpin = case(&lab, "service-traffic", "backend-to-service");
    assert_eq!(hairpin["backend"], case(&lab, "service-traffic", "pod-to-service")["backend"], "{hairpin}");
    assert_eq!(case(&lab, "service-traffic", "outside-to-node-port")["source_ip"], "192.0.2.1");
}

/// The same Service with `Cluster`: the expectations of the source say so, and nothing else changes.
fn a_source_that_is_not_the_expected_one_fails_the_case() {
    let changes = [("zeus.yaml", "externalTrafficPolicy: Local", "externalTrafficPolicy: Cluster")];
    let lab = Variant::of("service-traffic", &changes).run(&["--filter", "outside-to-", "--remedy", "none"]);
    assert_eq!(lab.status(), 1, "{}", lab.said());
    let masqueraded = case(&lab, "service-traffic", "outside-to-node-port");
    assert_eq!((&masqueraded["outcome"], &masqueraded["verdict"]), (&"ok".into(), &"fail".into()), "{masqueraded}");
    let detail = masqueraded["detail"].as_str().unwrap_or_default();
    assert!(detail.ends_with("the backend saw another source address"), "{detail}");
    assert_eq!(case(&lab, "service-traffic", "outside-to-remote-node-port")["outcome"], "ok");
    assert_eq!(case(&lab, "service-traffic", "outside-to-host-port")["verdict"], "pass");
}

fn internal_local_services_answer_on_their_own_node_only() {
    let changes = [("zeus.yaml", "internalTrafficPolicy: Cluster", "internalTrafficPolicy: Local")];
    let lab =
        Variant::of("service-traffic", &changes).run(&["--filter", "pod-to-service", "--filter", "node-to-service"]);
    for path in ["remote-pod-to-service", "remote-pod-to-service-dns", "remote-node-to-service"] {
        assert_eq!(case(&lab, "service-traffic", path)["outcome"], "timeout", "{path}");
    }
    for path in ["pod-to-service", "pod-to-service-dns", "node-to-service"] {
        assert_eq!(case(&lab, "service-traffic", path)["verdict"], "pass", "{path}");
    }
}

fn many_requests_meet_every_pod_and_no_other() {
    let lab = run_scenario("service-sessions", &[]);
    assert_eq!(lab.status(), 0, "{}", lab.said());
    for path in [
        "node-to-service",
        "pod-to-service",
        "remote-pod-to-service",
        "backend-to-service",
        "remote-pod-to-service:udp",
        "outside-to-node-port",
        "outside-to-ingress",
    ] {
        let met = backends(&lab, path);
        assert_eq!((met.len(), met.iter().map(|(_, count)| count).sum::<u64>()), (4, 80), "{path}: {met:?}");
        assert!(met.iter().all(|(pod, _)| pod.starts_with("zeus-")), "{path}: {met:?}");
    }
    assert_eq!(backends(&lab, "pod-to-pod-ip").len(), 1);
    let local = [("zeus.yaml", "internalTrafficPolicy: Cluster", "internalTrafficPolicy: Local")];
    let lab = Variant::of("service-sessions", &local).run(&["--filter", "pod-to-service"]);
    assert_eq!(backends(&lab, "pod-to-service").len(), 2, "two of the four pods are on the node");
}

/// The pods that answered, with how often each did.
fn backends(lab: &Lab, path: &str) -> Vec<(String, u64)> {
    let case = case(lab, "service-sessions", path);
    let met = case["backends"].as_object().unwrap_or_else(|| panic!("{case}"));
    met.iter().map(|(pod, count): (_, &Value)| (pod.clone(), count.as_u64().expect("a number"))).collect()
}
