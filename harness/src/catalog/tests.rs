//! What becomes of good files. Bad ones are in `tests/bad_input`.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    Catalog,
    distro::Firewall,
    microk8s::{Addon, MicroK8sChoice},
    scenario::{AppliesTo, Expect, ExpectedSource, Nodes, Scenario},
};
use crate::model::{Outcome, ProviderKind};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn shipped() -> Catalog {
    Catalog::load(Utf8Path::new(ROOT)).expect("the shipped distros are right")
}

/// A folder `example` with this `scenario.yaml` and one manifest.
fn folder(yaml: &str) -> (tempfile::TempDir, Utf8PathBuf) {
    let outer = tempfile::tempdir().expect("a fresh folder");
    let folder = Utf8Path::from_path(outer.path()).expect("UTF-8").join("example");
    std::fs::create_dir(&folder).expect("fresh");
    std::fs::write(folder.join("scenario.yaml"), yaml).expect("written");
    std::fs::write(folder.join("zeus.yaml"), "kind: Service\n").expect("written");
    (outer, folder)
}

fn resolved(yaml: &str) -> Scenario {
    let (_outer, folder) = folder(yaml);
    let scenario = shipped().scenario(folder.as_str()).unwrap_or_else(|error| panic!("{error}"));
    (*scenario).clone()
}

fn example(rest: &str) -> Scenario {
    resolved(&format!("id: example\ntitle: x\nmanifests: [zeus.yaml]\nbackend: {{ service: zeus }}\n{rest}"))
}

fn names(scenario: &Scenario) -> Vec<String> {
    scenario.paths.iter().map(|spec| spec.path.to_string()).collect()
}

#[test]
fn every_shipped_file_is_right() {
    let catalog = shipped();
    let scenarios = catalog.scenarios().expect("listed");
    assert!(!scenarios.is_empty());
    for scenario in scenarios {
        scenario.unwrap_or_else(|error| panic!("{error}"));
    }
    for (alias, id) in [
        ("rhel", "rhel-9.5"),
        ("ubuntu", "ubuntu-22.04"),
        ("rocky", "rocky-9.5"),
        ("alma", "almalinux-9.5"),
        ("centos", "centos-stream-9"),
        ("debian", "debian-12"),
    ] {
        assert_eq!(catalog.distros().named(alias).expect(alias).id, id);
    }
}

#[test]
fn enterprise_linux_has_firewalld_as_the_installer_leaves_it() {
    for name in ["rhel", "rocky", "alma", "centos"] {
        let catalog = shipped();
        let distro = catalog.distros().named(name).expect(name);
        let Firewall::Firewalld { default_zone, zones, conf } = &distro.policy.firewall else { panic!("{name}") };
        assert_eq!(default_zone, "public");
        assert_eq!(zones["public"].services, ["cockpit", "dhcpv6-client", "ssh"]);
        assert_eq!(conf["NftablesTableOwner"], "yes");
    }
}

#[test]
fn manifests_are_read_byte_for_byte() {
    let seed = shipped().scenario("pod-ip-502").expect("shipped");
    let bytes = std::fs::read(format!("{ROOT}/scenarios/pod-ip-502/zeus.yaml")).expect("shipped");
    assert_eq!(seed.manifests[0].text.as_bytes(), bytes);
    let (_outer, folder) = folder("id: example\ntitle: x\nmanifests: [./zeus.yaml]\ndistros: rhel\n");
    std::fs::write(folder.join("scenario.yaml"), "\u{feff}id: example\ntitle: x\nmanifests: [./zeus.yaml]\ndistros: [rhel]\nbackend: { service: zeus }\npaths: [{ from: pod, to: service }]\n").expect("written");
    let scenario = shipped().scenario(folder.as_str()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scenario.manifests[0].path, "zeus.yaml");
    // sha256sum of `kind: Service` and a newline.
    assert_eq!(scenario.manifests[0].sha256, "0986089a4d6c36657cb202f9580c17af4d96f818afca398410926f5b9703104d");
}

#[test]
fn entries_are_expanded_in_order() {
    let scenario = example(
        "distros: [rhel]\nnodes: 2\npaths:\n\
         - { from: [pod, remote-pod], to: service, protocol: [http, udp], payload: [small, large] }\n\
         - { from: pod, to: [dns, pod-ip] }\n\
         - { from: pod, to: dns, protocol: tcp }\n",
    );
    assert_eq!(
        names(&scenario),
        [
            "pod-to-service",
            "pod-to-service:large",
            "pod-to-service:udp",
            "pod-to-service:udp:large",
            "remote-pod-to-service",
            "remote-pod-to-service:large",
            "remote-pod-to-service:udp",
            "remote-pod-to-service:udp:large",
            "pod-to-dns:udp",
            "pod-to-pod-ip",
            "pod-to-dns:tcp",
        ]
    );
}

#[test]
fn every_form_of_an_expectation_is_understood() {
    let scenario = example(
        "distros: [rhel]\npaths:\n\
         - { from: pod, to: service }\n\
         - { from: node, to: service, expect: blocked }\n\
         - { from: outside, to: service, expect: http-404, http: { path: /x, host: zeus.test }, port: 81, repeat: 9 }\n\
         - { from: outside, to: node-port, expect: { outcome: ok, source: preserved } }\n\
         - { from: outside, to: host-port, expect: { outcome: ok } }\n",
    );
    let expected: Vec<Expect> = scenario.paths.iter().map(|spec| spec.expect).collect();
    assert_eq!(
        expected,
        [
            Expect::Ok(ExpectedSource::Any),
            Expect::Blocked,
            Expect::Outcome(Outcome::Http(404)),
            Expect::Ok(ExpectedSource::Preserved),
            Expect::Ok(ExpectedSource::Any),
        ]
    );
    let spec = &scenario.paths[2];
    assert_eq!((spec.http.path.as_str(), spec.http.host.as_deref()), ("/x", Some("zeus.test")));
    assert_eq!((spec.port, spec.repeat), (Some(81), 9));
}

#[test]
fn known_issues_may_name_paths_by_pattern_and_remedies() {
    let scenario = example(
        "distros: [rhel]\npaths: [{ from: [pod, node], to: [service, pod-ip] }, { from: outside, to: ingress, expect: blocked }]\n\
         known_issues:\n\
         - { distro: rhel, upstream: a/b#1, paths: ['pod-*', 'p*-ip'], outcome: rejected }\n\
         - { distro: rhel, upstream: 'https://example.org/1', paths: ['pod-*'], outcome: timeout, remedy: fix }\n\
         - { distro: rhel, upstream: a/b#2, paths: [outside-to-ingress], outcome: ok }\n\
         remedies: [{ id: fix, title: Fix it, recommended: true, applies_to: rhel, run: ['true'] }]\n",
    );
    let paths: Vec<Vec<String>> =
        scenario.known_issues.iter().map(|issue| issue.paths.iter().map(ToString::to_string).collect()).collect();
    assert_eq!(
        paths,
        [vec!["pod-to-service", "pod-to-pod-ip"], vec!["pod-to-service", "pod-to-pod-ip"], vec!["outside-to-ingress"]]
    );
    assert_eq!(scenario.known_issues[0].distro, "rhel-9.5");
    assert_eq!(scenario.remedies[0].applies_to, Some(AppliesTo::Distro("rhel-9.5".to_owned())));
}

#[test]
fn a_mixed_cluster_carries_the_name_of_its_first_machine() {
    let scenario = example("nodes: [rhel, ubuntu]\npaths: [{ from: remote-pod, to: pod-ip }]\n");
    let Nodes::Mixed(machines) = &scenario.nodes else { panic!("not mixed") };
    assert_eq!(machines.iter().map(|distro| distro.id.as_str()).collect::<Vec<_>>(), ["rhel-9.5", "ubuntu-22.04"]);
    assert_eq!(scenario.distros.iter().map(|distro| distro.id.as_str()).collect::<Vec<_>>(), ["rhel-9.5"]);
}

#[test]
fn what_is_known_of_any_distro_of_a_mixed_cluster_is_known_of_the_cluster() {
    let scenario = example(
        "nodes: [rhel, ubuntu]\npaths: [{ from: [pod, remote-pod], to: pod-ip }]\nknown_issues:\n\
         - { distro: ubuntu, upstream: a/b#1, paths: [remote-pod-to-pod-ip], outcome: timeout }\n\
         - { distro: rhel, upstream: a/b#2, paths: [pod-to-pod-ip], outcome: timeout }\n",
    );
    let distros: Vec<&str> = scenario.known_issues.iter().map(|issue| issue.distro.as_str()).collect();
    assert_eq!(distros, ["rhel-9.5", "rhel-9.5"]);
}

#[test]
fn the_rest_has_defaults_or_is_kept() {
    let plain = example("distros: [rhel]\nconditions:\n  # none\npaths: [{ from: pod, to: service }]\n");
    assert_eq!((plain.probe_timeout, plain.underlay.mtu), (Duration::from_secs(2), 1500));
    assert_eq!(plain.lacking(ProviderKind::Netns), None);
    let other = example(
        "distros: [rhel]\nnodes: 3\npaths: [{ from: pod, to: service }]\ntimeout: 500ms\nunderlay: { mtu: 1400 }\n\
         providers: [libvirt, multipass]\nneeds: SELinux of its own\n\
         conditions: [{ name: x, on: rhel, machines: [1, 3], when: after-cluster, run: ['true'] }]\n",
    );
    assert_eq!((other.probe_timeout, other.underlay.mtu), (Duration::from_millis(500), 1400));
    assert_eq!(other.lacking(ProviderKind::Netns), Some("SELinux of its own"));
    assert_eq!(other.lacking(ProviderKind::Libvirt), None);
    assert_eq!(
        (other.conditions[0].on.as_slice(), other.conditions[0].machines.as_slice()),
        (&["rhel-9.5".to_owned()][..], &[1, 3][..])
    );
}

#[test]
fn a_scenario_chooses_its_microk8s() {
    let plain = example("distros: [rhel]\npaths: [{ from: pod, to: service }]\n");
    assert_eq!(plain.microk8s, MicroK8sChoice { channel: None, addons: vec![Addon::Dns, Addon::Ingress] });
    let other = example(
        "distros: [rhel]\npaths: [{ from: pod, to: service }]\n\
         microk8s: { channel: 1.31/stable, addons: [dns, hostpath-storage] }\n",
    );
    let addons = vec![Addon::Dns, Addon::HostpathStorage];
    assert_eq!(other.microk8s, MicroK8sChoice { channel: Some("1.31/stable".to_owned()), addons });
}

#[test]
fn a_known_issue_may_be_of_a_distro_that_only_the_command_line_names() {
    let scenario = example(
        "distros: [rhel]\npaths: [{ from: pod, to: service }]\n\
         known_issues: [{ distro: ubuntu, upstream: a/b#1, paths: [pod-to-service], outcome: timeout }]\n",
    );
    assert_eq!(scenario.known_issues[0].distro, "ubuntu-22.04");
}

#[test]
fn a_distro_of_a_taken_name_is_refused() {
    let (_outer, folder) = folder("id: example\n");
    let own = folder.join("vm-images");
    std::fs::create_dir(&own).expect("fresh");
    let distro = "id: other-1\ntitle: x\naliases: [rhel]\nfamily: el\nimage: { filename: x, user: x }\npolicy: { firewall: { kind: none } }\n";
    std::fs::write(own.join("other-1.yaml"), distro).expect("written");
    let error = shipped().scenario(folder.as_str()).expect_err("rhel is taken").to_string();
    assert!(error.ends_with("other-1.yaml:3:11: `rhel` already names the distro rhel-9.5"), "{error}");
}
