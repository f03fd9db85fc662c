//! Bad access paths and known issues.

use super::{Bad, Input::Scenario};

const INGRESS: &str = "{ from: outside, to: ingress, http: { path: /setup } }";
const POD: &str = "{ from: pod, to: pod-ip }";

pub const PATHS: &[Bad] = &[
    Bad {
        name: "unknown vantage",
        input: Scenario("[node, pod]", "[node, pdo]"),
        place: "good/scenario.yaml:9:20",
        says: &["`pdo` is unknown; expected one of node, remote-node, pod,", "did you mean `pod`?"],
    },
    Bad {
        name: "unknown vantage that is no list",
        input: Scenario(POD, "{ from: ingres, to: pod-ip }"),
        place: "good/scenario.yaml:10:13",
        says: &["did you mean `ingress`?"],
    },
    Bad {
        name: "unknown target",
        input: Scenario("[service]", "[servcie]"),
        place: "good/scenario.yaml:9:31",
        says: &["expected one of pod-ip, service,", "did you mean `service`?"],
    },
    Bad {
        name: "unknown protocol",
        input: Scenario(POD, "{ from: pod, to: pod-ip, protocol: sctp }"),
        place: "good/scenario.yaml:10:40",
        says: &["expected one of http, tcp, udp"],
    },
    Bad {
        name: "unknown payload",
        input: Scenario(POD, "{ from: pod, to: pod-ip, payload: [huge] }"),
        place: "good/scenario.yaml:10:40",
        says: &["expected one of small, large"],
    },
    Bad {
        name: "unknown version of IP",
        input: Scenario(POD, "{ from: pod, to: pod-ip, family: ipv5 }"),
        place: "good/scenario.yaml:10:38",
        says: &["expected one of ipv4, ipv6", "did you mean `ipv4`?"],
    },
    Bad {
        name: "unknown expectation",
        input: Scenario(POD, "{ from: pod, to: pod-ip, expect: blokced }"),
        place: "good/scenario.yaml:10:38",
        says: &["`blokced` is no outcome; expected blocked, ok, rejected"],
    },
    Bad {
        name: "a status of no HTTP",
        input: Scenario(POD, "{ from: pod, to: pod-ip, expect: http-700 }"),
        place: "good/scenario.yaml:10:38",
        says: &["http-NNN (100 to 599)"],
    },
    Bad {
        name: "expectation of the lab's own fault",
        input: Scenario(POD, "{ from: pod, to: pod-ip, expect: error }"),
        place: "good/scenario.yaml:10:38",
        says: &["cannot be expected"],
    },
    Bad {
        name: "source address of an answer that never comes",
        input: Scenario(POD, "{ from: pod, to: pod-ip, expect: { outcome: timeout, source: node } }"),
        place: "good/scenario.yaml:10:66",
        says: &["`source` goes with `outcome: ok` only, found `outcome: timeout`"],
    },
    Bad {
        name: "source address of what is blocked",
        input: Scenario(POD, "{ from: pod, to: pod-ip, expect: { outcome: blocked, source: preserved } }"),
        place: "good/scenario.yaml:10:66",
        says: &["`source` goes with `outcome: ok` only, found `outcome: blocked`"],
    },
    Bad {
        name: "unknown outcome with a source address",
        input: Scenario(POD, "{ from: pod, to: pod-ip, expect: { outcome: blokced, source: preserved } }"),
        place: "good/scenario.yaml:10:49",
        says: &["`blokced` is no outcome; expected blocked, ok, rejected"],
    },
    Bad {
        name: "a name that is asked for from outside of the cluster",
        input: Scenario(POD, "{ from: [pod, node], to: service-dns }"),
        place: "good/scenario.yaml:10:30",
        says: &["`node-to-service-dns` makes no sense: a host does not ask the cluster's DNS"],
    },
    Bad {
        name: "a number in the place of a vantage",
        input: Scenario(POD, "{ from: 7, to: pod-ip }"),
        place: "good/scenario.yaml:10:7",
        says: &["expected a word or a list of words"],
    },
    Bad {
        name: "remote pod without another node",
        input: Scenario(POD, "{ from: remote-pod, to: pod-ip }"),
        place: "good/scenario.yaml:10:13",
        says: &["`remote-pod-to-pod-ip` makes no sense: there is no other node", "nodes: 2"],
    },
    Bad {
        name: "remote node port without another node",
        input: Scenario(POD, "{ from: outside, to: remote-node-port }"),
        place: "good/scenario.yaml:10:26",
        says: &["there is no other node"],
    },
    Bad {
        name: "path twice",
        input: Scenario(POD, "{ from: pod, to: service }"),
        place: "good/scenario.yaml:10:22",
        says: &["`pod-to-service` stands twice, first on line 9"],
    },
    Bad {
        name: "UDP to the ingress",
        input: Scenario(INGRESS, "{ from: outside, to: ingress, protocol: udp }"),
        place: "good/scenario.yaml:11:26",
        says: &["an ingress speaks HTTP only"],
    },
    Bad {
        name: "large DNS",
        input: Scenario(POD, "{ from: pod, to: dns, payload: large }"),
        place: "good/scenario.yaml:10:22",
        says: &["`pod-to-dns:udp:large` makes no sense"],
    },
    Bad {
        name: "HTTP to DNS",
        input: Scenario(POD, "{ from: pod, to: dns, protocol: http }"),
        place: "good/scenario.yaml:10:22",
        says: &["a DNS server speaks no HTTP"],
    },
    Bad {
        name: "HTTP request of a TCP path",
        input: Scenario(POD, "{ from: pod, to: pod-ip, protocol: tcp, http: { path: / } }"),
        place: "good/scenario.yaml:10:51",
        says: &["`http` does not go with the path `pod-to-pod-ip:tcp`"],
    },
    Bad {
        name: "URL in the place of a path",
        input: Scenario("{ path: /setup }", "{ path: setup }"),
        place: "good/scenario.yaml:11:41",
        says: &["expected one that starts with `/`"],
    },
    Bad {
        name: "service port of the ingress",
        input: Scenario("http: { path: /setup }", "port: 80"),
        place: "good/scenario.yaml:11:41",
        says: &["`port` does not go with the path `outside-to-ingress`"],
    },
    Bad {
        name: "port that is none",
        input: Scenario(POD, "{ from: pod, to: pod-ip, port: 70000 }"),
        place: "good/scenario.yaml:10:36",
        says: &["u16"],
    },
    Bad {
        name: "repeat that is none",
        input: Scenario(POD, "{ from: pod, to: pod-ip, repeat: 0 }"),
        place: "good/scenario.yaml:10:38",
        says: &["`repeat` is 0, expected 1 to 1000"],
    },
    Bad {
        name: "no vantage",
        input: Scenario(POD, "{ from: [], to: pod-ip }"),
        place: "good/scenario.yaml:10:5",
        says: &["`from` is an empty list"],
    },
];

pub const KNOWN_ISSUES: &[Bad] = &[
    Bad {
        name: "known issue about a path of no scenario",
        input: Scenario("[pod-to-pod-ip]", "[pod-to-podip]"),
        place: "good/scenario.yaml:15:66",
        says: &["did you mean `pod-to-pod-ip`?"],
    },
    Bad {
        name: "known issue about a path that the scenario lacks",
        input: Scenario("[pod-to-pod-ip]", "[node-to-pod-ip]"),
        place: "good/scenario.yaml:15:66",
        says: &["the scenario has no path `node-to-pod-ip`"],
    },
    Bad {
        name: "known issue about a pattern that fits nothing",
        input: Scenario("[pod-to-pod-ip]", "['*-to-dns*']"),
        place: "good/scenario.yaml:15:66",
        says: &["no path of the scenario matches `*-to-dns*`"],
    },
    Bad {
        name: "known issue about a remedy that the scenario lacks",
        input: Scenario("outcome: rejected", "outcome: rejected, remedy: trusted-sauce"),
        place: "good/scenario.yaml:15:109",
        says: &["the scenario has no remedy `trusted-sauce`", "did you mean `trusted-source`?"],
    },
    Bad {
        name: "known issue about an unknown distro",
        input: Scenario("- { distro: testos,", "- { distro: tests,"),
        place: "good/scenario.yaml:15:15",
        says: &["unknown distro `tests`", "did you mean `testos`?"],
    },
    Bad {
        name: "known issue that is none",
        input: Scenario("outcome: rejected", "outcome: ok"),
        place: "good/scenario.yaml:15:91",
        says: &["`ok` is what the path `pod-to-pod-ip` expects"],
    },
    Bad {
        name: "known issue of an unknown outcome",
        input: Scenario("outcome: rejected", "outcome: reject"),
        place: "good/scenario.yaml:15:91",
        says: &["`reject` is no outcome; expected ok, rejected"],
    },
    Bad {
        name: "known issue twice",
        input: Scenario(
            "remedies:",
            "  - { distro: testos-1, upstream: a/b#1, paths: ['pod-to-pod*'], outcome: timeout }\nremedies:",
        ),
        place: "good/scenario.yaml:16:5",
        says: &["a known issue of testos-1 about `pod-to-pod-ip` stands before already"],
    },
];
