//! Bad scenario files: what stands in them is no scenario.

use super::{Bad, Input::Scenario};

pub fn table() -> Vec<Bad> {
    vec![
        Bad {
            name: "unknown key",
            input: Scenario("remedies:", "remedys:"),
            place: "good/scenario.yaml:16:1",
            says: &["unknown key `remedys`", "did you mean `remedies`?"],
        },
        Bad {
            name: "unknown key in an entry",
            input: Scenario("    applies_to: firewalld", "    apply_to: firewalld"),
            place: "good/scenario.yaml:20:5",
            says: &["unknown key `apply_to`", "did you mean `applies_to`?"],
        },
        Bad {
            name: "unknown key in the backend",
            input: Scenario("{ service: zeus }", "{ servise: zeus }"),
            place: "good/scenario.yaml:7:12",
            says: &["unknown key `servise`", "did you mean `service`?"],
        },
        Bad {
            name: "duplicate key",
            input: Scenario("nodes: 1", "nodes: 1\nnodes: 2"),
            place: "good/scenario.yaml:6:1",
            says: &["the key `nodes` stands twice"],
        },
        Bad {
            name: "missing key",
            input: Scenario("title: A scenario without a fault\n", ""),
            place: "good/scenario.yaml:22:1",
            says: &["the key `title` is missing"],
        },
        Bad {
            name: "a word where a list belongs",
            input: Scenario("manifests: [zeus.yaml]", "manifests: zeus.yaml"),
            place: "good/scenario.yaml:6:12",
            says: &["expected"],
        },
        Bad {
            name: "a list where a word belongs",
            input: Scenario("title: A scenario without a fault", "title: [a, b]"),
            place: "good/scenario.yaml:2:8",
            says: &["expected"],
        },
        Bad {
            name: "a word where a number belongs",
            input: Scenario("{ mtu: 1500 }", "{ mtu: large }"),
            place: "good/scenario.yaml:23:18",
            says: &["u16"],
        },
        Bad {
            name: "yes is no boolean",
            input: Scenario("recommended: true", "recommended: yes"),
            place: "good/scenario.yaml:19:18",
            says: &["bool"],
        },
        Bad {
            name: "id that differs from the folder",
            input: Scenario("id: good", "id: better"),
            place: "good/scenario.yaml:1:5",
            says: &["`better` differs from the folder's name", "expected `good`"],
        },
        Bad {
            name: "id that is not kebab-case",
            input: Scenario("id: good", "id: Good_One"),
            place: "good/scenario.yaml:1:5",
            says: &["kebab-case", "`good-one` would do"],
        },
        Bad {
            name: "empty title",
            input: Scenario("title: A scenario without a fault", "title: ''"),
            place: "good/scenario.yaml:2:8",
            says: &["the title is empty"],
        },
        Bad {
            name: "unknown distro",
            input: Scenario("distros: [testos]", "distros: [testo]"),
            place: "good/scenario.yaml:4:11",
            says: &["unknown distro `testo`", "did you mean `testos`?"],
        },
        Bad {
            name: "the same distro by two names",
            input: Scenario("distros: [testos]", "distros: [testos, testos-1]"),
            place: "good/scenario.yaml:4:19",
            says: &["the distro `testos-1` stands twice"],
        },
        Bad {
            name: "no distro",
            input: Scenario("distros: [testos]", "distros: []"),
            place: "good/scenario.yaml:1:5",
            says: &["`distros` is missing or empty"],
        },
        Bad {
            name: "upstream that names no report",
            input: Scenario("upstream: [canonical/microk8s#4903]", "upstream: [microk8s 4903]"),
            place: "good/scenario.yaml:3:12",
            says: &["expected OWNER/REPOSITORY#NUMBER or a URL"],
        },
        Bad {
            name: "no machine",
            input: Scenario("nodes: 1", "nodes: 0"),
            place: "good/scenario.yaml:5:8",
            says: &["a cluster of 0 machines, expected 1 to 5"],
        },
        Bad {
            name: "too many machines",
            input: Scenario("nodes: 1", "nodes: 6"),
            place: "good/scenario.yaml:5:8",
            says: &["expected 1 to 5"],
        },
        Bad {
            name: "fewer than no machines",
            input: Scenario("nodes: 1", "nodes: -1"),
            place: "good/scenario.yaml:5:8",
            says: &["a cluster of -1 machines, expected 1 to 5"],
        },
        Bad {
            name: "unknown distro of a mixed cluster",
            input: Scenario("nodes: 1", "nodes: [testos, tostos]"),
            place: "good/scenario.yaml:5:17",
            says: &["unknown distro `tostos`", "did you mean `testos`?"],
        },
        Bad {
            name: "service that is no DNS label",
            input: Scenario("{ service: zeus }", "{ service: Zeus_1 }"),
            place: "good/scenario.yaml:7:10",
            says: &["`Zeus_1` is no name of a service"],
        },
        Bad {
            name: "condition at an unknown moment",
            input: Scenario("before-cluster", "before-clusters"),
            place: "good/scenario.yaml:13:49",
            says: &["expected one of before-cluster, after-cluster, after-deploy", "did you mean `before-cluster`?"],
        },
        Bad {
            name: "condition on an unknown distro",
            input: Scenario("on: [testos]", "on: [windows]"),
            place: "good/scenario.yaml:13:34",
            says: &["unknown distro `windows`", "there are testos-1"],
        },
        Bad {
            name: "condition on a machine that is not there",
            input: Scenario("on: [testos]", "machines: [2]"),
            place: "good/scenario.yaml:13:40",
            says: &["there is no machine 2, expected 1 to 1"],
        },
        Bad {
            name: "condition that does nothing",
            input: Scenario("[\"sysctl -w net.ipv4.ip_forward=0\"]", "[]"),
            place: "good/scenario.yaml:13:70",
            says: &["`run` is empty"],
        },
        Bad {
            name: "duplicate remedy",
            input: Scenario("timeout: 2s", "  - { id: trusted-source, title: x, recommended: true, run: ['true'] }"),
            place: "good/scenario.yaml:22:11",
            says: &["the remedy `trusted-source` stands twice"],
        },
        Bad {
            name: "remedy with a name that has a meaning of its own",
            input: Scenario("id: trusted-source", "id: as-installed"),
            place: "good/scenario.yaml:17:9",
            says: &["`as-installed` cannot be a remedy id"],
        },
        Bad {
            name: "remedy for an unknown host",
            input: Scenario("applies_to: firewalld", "applies_to: firewald"),
            place: "good/scenario.yaml:20:17",
            says: &["expected firewalld, ufw or a distro", "did you mean `firewalld`?"],
        },
        Bad {
            name: "remedy with an empty line",
            input: Scenario("run: [\"true\"]", "run: ['true', ' ']"),
            place: "good/scenario.yaml:21:19",
            says: &["this is no shell line"],
        },
        Bad {
            name: "time limit without a unit",
            input: Scenario("timeout: 2s", "timeout: 2"),
            place: "good/scenario.yaml:22:10",
            says: &["expected for instance 2s or 500ms"],
        },
        Bad {
            name: "time limit out of range",
            input: Scenario("timeout: 2s", "timeout: 5000s"),
            place: "good/scenario.yaml:22:10",
            says: &["50 ms to 60 s"],
        },
        Bad {
            name: "MTU out of range",
            input: Scenario("mtu: 1500", "mtu: 100"),
            place: "good/scenario.yaml:23:18",
            says: &["an MTU of 100 bytes, expected 1280 to 9000"],
        },
        Bad {
            name: "providers without a reason",
            input: Scenario("timeout: 2s", "providers: [libvirt]"),
            place: "good/scenario.yaml:22:12",
            says: &["`needs` does not say why"],
        },
        Bad {
            name: "unknown provider",
            input: Scenario("timeout: 2s", "needs: a kernel module\nproviders: [libvrt]"),
            place: "good/scenario.yaml:23:13",
            says: &["did you mean `libvirt`?"],
        },
        Bad {
            name: "reason without providers",
            input: Scenario("timeout: 2s", "needs: a kernel module"),
            place: "good/scenario.yaml:22:8",
            says: &["`providers` is missing"],
        },
    ]
}
