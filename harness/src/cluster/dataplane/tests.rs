//! The cluster of one rich manifest, as text; and properties of every cluster.

use std::fmt::Write;

use proptest::prelude::{ProptestConfig, Strategy, prop, proptest};

use super::{
    ClusterState, CompileError, Input, NodeSpec, PodRole, calico, compile, dnsmasq, felix, kube_proxy, nginx, portmap,
};
use crate::{
    catalog::scenario::{Backend, Manifest, Underlay},
    cluster::manifest::Transport,
    model::IpFamily,
};

const ZEUS: &str = include_str!("testdata/zeus.yaml");

fn nodes(count: usize) -> Vec<NodeSpec> {
    (1..=count).map(|number| NodeSpec { name: format!("node-{number}"), distro_id: "rhel-9.5".into() }).collect()
}

fn try_cluster(text: &str, count: usize, service: &str) -> Result<ClusterState, CompileError> {
    let manifest = Manifest { path: "zeus.yaml".into(), text: text.into(), sha256: String::new() };
    let backend = Backend { service: service.into(), namespace: "default".into() };
    let underlay = Underlay::default();
    compile(&Input {
        manifests: &[manifest],
        nodes: &nodes(count),
        backend: &backend,
        underlay: &underlay,
        ipv6: false,
    })
}

fn cluster(count: usize) -> ClusterState {
    try_cluster(ZEUS, count, "zeus").expect("the manifest is good")
}

#[test]
fn pods_and_services_get_their_places() {
    let state = cluster(2);
    let mut text = String::new();
    for pod in &state.pods {
        let node = &state.nodes[pod.node].name;
        writeln!(text, "{node} {} {}/{} {}", pod.ip, pod.namespace, pod.name, pod.interface()).expect("a string");
    }
    for service in &state.services {
        let ports: Vec<String> = service
            .ports
            .iter()
            .map(|port| {
                format!(
                    "{}/{} node {:?} to {} endpoints",
                    port.port,
                    port.transport,
                    port.node_port,
                    port.endpoints.len()
                )
            })
            .collect();
        let address = service.cluster_ip(IpFamily::Ipv4).map_or_else(|| "headless".to_owned(), |ip| ip.to_string());
        writeln!(text, "{address} {} {}", service.full_name(), ports.join(", ")).expect("a string");
    }
    insta::assert_snapshot!(text);
    assert_eq!(state.backend_node().name, "node-1");
    assert_eq!(state.pod(PodRole::LocalProber).map(|pod| pod.node), Some(0));
    assert_eq!(state.pod(PodRole::RemoteProber).map(|pod| pod.node), Some(1));
    assert_eq!(cluster(1).pod(PodRole::RemoteProber), None);
}

#[test]
fn containers_are_resolved() {
    let state = cluster(1);
    let pod = state.backend_pods().next().expect("the backend has pods");
    insta::assert_debug_snapshot!(pod.containers);
}

#[test]
fn kube_proxy_rules() {
    let state = cluster(2);
    insta::assert_snapshot!("kube_proxy_node_1", kube_proxy::program(&state, 0, IpFamily::Ipv4).sync(""));
    insta::assert_snapshot!("kube_proxy_node_2", kube_proxy::program(&state, 1, IpFamily::Ipv4).restore());
}

#[test]
fn calico_and_portmap() {
    let state = cluster(2);
    let links = calico::node_links(&state, 0, "eth0");
    let pod = state.backend_pods().next().expect("the backend has pods");
    insta::assert_snapshot!("calico_links", format!("{}{}", links.ip_batch, links.bridge_batch));
    insta::assert_debug_snapshot!("calico_pod_link", calico::pod_link(&state, pod, "1234"));
    insta::assert_snapshot!("calico_rules", calico::program(IpFamily::Ipv4).sync(""));
    insta::assert_snapshot!(
        "portmap_rules",
        portmap::program(&state, 0, IpFamily::Ipv4).expect("hermes has host ports").sync("")
    );
    assert_eq!(portmap::program(&state, 1, IpFamily::Ipv4), None);
}

#[test]
fn a_dual_stack_service_has_both_addresses() {
    let text =
        ZEUS.replacen("spec:\n  type: NodePort", "spec:\n  ipFamilyPolicy: RequireDualStack\n  type: NodePort", 1);
    let state = try_cluster(&text, 2, "zeus").expect("the manifest is good");
    let dns = state.pod(PodRole::Dns).expect("every cluster has a DNS");
    let pod = state.backend_pods().next().expect("the backend has pods");
    let links = calico::node_links(&state, 0, "eth0");
    let chains = |rules: String| {
        rules.lines().filter(|line| line.contains("/zeus:http")).fold(String::new(), |text, line| text + line + "\n")
    };
    insta::assert_snapshot!(
        "dual_stack",
        [
            links.ip_batch,
            links.bridge_batch,
            calico::pod_link(&state, pod, "1234").node_batch,
            calico::pod_link(&state, pod, "1234").pod_batch,
            chains(kube_proxy::program(&state, 0, IpFamily::Ipv6).sync("")),
            calico::program(IpFamily::Ipv6).sync(""),
            portmap::program(&state, 0, IpFamily::Ipv6).expect("hermes has host ports").restore(),
            dnsmasq::files(&state, dns).hosts,
        ]
        .join("---\n")
    );
    assert!(cluster(2).pods.iter().all(|pod| pod.ip6.is_none()), "nobody asks for IPv6");
}

#[test]
fn policies_become_chains() {
    assert_eq!(felix::program(&cluster(1), 0, IpFamily::Ipv4), None, "without policies there is nothing");
    let text = format!("{ZEUS}---\n{}", include_str!("testdata/policies.yaml"));
    let state = try_cluster(&text, 1, "zeus").expect("the manifest is good");
    let program = felix::program(&state, 0, IpFamily::Ipv4).expect("there are policies").sync("");
    insta::assert_snapshot!("felix_rules", program);
    let names = program.lines().filter_map(|line| line.strip_prefix(':')).filter_map(|line| line.split(' ').next());
    assert!(names.into_iter().all(|name| name.len() <= 28), "iptables takes no longer names");
}

#[test]
fn nginx_and_dnsmasq() {
    let state = cluster(2);
    let dns = state.pod(PodRole::Dns).expect("every cluster has a DNS");
    let files = dnsmasq::files(&state, dns);
    insta::assert_snapshot!("nginx", nginx::config(&state));
    insta::assert_snapshot!("dnsmasq", format!("{}---\n{}", files.config, files.hosts));
    insta::assert_snapshot!("resolv_conf", dnsmasq::resolv_conf("olymp"));
}

/// What to replace in the good manifest, and with what: each is an error that only the whole shows.
const BAD: &[(&str, &str)] = &[
    ("targetPort: web", "targetPort: wev"),
    ("nodePort: 30099", "nodePort: 30080"),
    ("clusterIP: 10.152.183.50", "clusterIP: 10.152.184.50"),
    ("clusterIP: 10.152.183.50", "clusterIP: 10.152.183.10"),
    ("nodeName: node-1", "nodeName: node-9"),
    ("nodeName: node-1", "nodeSelector: { disk: ssd }"),
    ("name: settings, key: port", "name: settings, key: ports"),
    ("name: settings, key: port", "name: setting, key: port"),
    ("items: [{ key: greeting, path: a/b }]", "items: [{ key: farewell, path: a/b }]"),
    ("$(PORT), ", "$(PORTS), "),
    ("ports: [{ name: web, containerPort: 9090 }]", "ports: [{ name: web, containerPort: 9090, hostPort: 8088 }]"),
];

#[test]
fn what_only_the_whole_shows_is_told_at_its_place() {
    let mut text = String::new();
    for (from, to) in BAD {
        assert_eq!(ZEUS.matches(from).count(), 1, "`{from}` must stand once in the good manifest");
        let error = try_cluster(&ZEUS.replace(from, to), 1, "zeus").expect_err(to);
        writeln!(text, "{from:?} → {to:?}\n    {error}").expect("a string");
    }
    for service in ["hera", "nobody"] {
        let error = try_cluster(ZEUS, 1, service).expect_err(service);
        writeln!(text, "backend {service}\n    {error}").expect("a string");
    }
    for count in [0, 6] {
        let error = try_cluster(ZEUS, count, "zeus").expect_err("too few or too many");
        writeln!(text, "{count} nodes\n    {error}").expect("a string");
    }
    insta::assert_snapshot!(text);
}

/// A Deployment with so many pods, and a Service with these ports.
fn manifest(replicas: usize, ports: &[(u16, bool)], node_port: bool, local: (bool, bool)) -> String {
    let kind = if node_port { "NodePort" } else { "ClusterIP" };
    let policy = |local| if local { "Local" } else { "Cluster" };
    let external = if node_port { format!("  externalTrafficPolicy: {}\n", policy(local.0)) } else { String::new() };
    let ports: String = ports.iter().enumerate().fold(String::new(), |text, (index, (port, udp))| {
        let protocol = if *udp { "UDP" } else { "TCP" };
        format!("{text}    - {{ name: p{index}, port: {port}, protocol: {protocol}, targetPort: {} }}\n", 8000 + index)
    });
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: zeus }}\nspec:\n  replicas: {replicas}\n  \
         selector: {{ matchLabels: {{ app: zeus }} }}\n  template:\n    metadata: {{ labels: {{ app: zeus }} }}\n    \
         spec: {{ containers: [{{ name: a, image: \"pathlab/agent:1\" }}] }}\n---\napiVersion: v1\nkind: Service\n\
         metadata: {{ name: zeus }}\nspec:\n  type: {kind}\n  internalTrafficPolicy: {}\n{external}  \
         selector: {{ app: zeus }}\n  ports:\n{ports}",
        policy(local.1),
    )
}

/// The targets of the chain's DNAT rules, whatever chains lie between.
fn reachable(rules: &str, chain: &str) -> Vec<String> {
    let start = format!("-A {chain} ");
    let mut found = Vec::new();
    for rule in rules.lines().filter(|rule| rule.starts_with(&start)) {
        if let Some((_, to)) = rule.split_once("--to-destination ") {
            found.push(to.to_owned());
        } else if let Some((_, next)) = rule.rsplit_once("-j KUBE-S") {
            found.extend(reachable(rules, &format!("KUBE-S{next}")));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The chain that a rule of this chain jumps to.
fn jump<'a>(rules: &'a str, chain: &str, matches: &str) -> Option<&'a str> {
    let start = format!("-A {chain} ");
    let rule = rules.lines().find(|rule| rule.starts_with(&start) && rule.contains(matches))?;
    rule.rsplit_once("-j ").map(|(_, chain)| chain)
}

fn some_ports() -> impl Strategy<Value = Vec<(u16, bool)>> {
    prop::collection::btree_set((1_u16..2000, prop::bool::ANY), 1..5).prop_map(|ports| ports.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_service_port_leads_to_every_endpoint(
        replicas in 1_usize..9,
        count in 1_usize..4,
        ports in some_ports(),
        node_port in prop::bool::ANY,
        local in (prop::bool::ANY, prop::bool::ANY),
    ) {
        let state = try_cluster(&manifest(replicas, &ports, node_port, local), count, "zeus").expect("good");
        let service = state.backend();
        let address = service.cluster_ip(IpFamily::Ipv4).expect("not headless");
        for node in 0..count {
            let rules = kube_proxy::program(&state, node, IpFamily::Ipv4).restore();
            for port in &service.ports {
                let expected = |only_local: bool| {
                    let mut texts: Vec<String> = port.endpoints.iter()
                        .filter(|endpoint| !only_local || endpoint.node == node)
                        .map(|endpoint| format!("{}:{}", endpoint.ip, endpoint.port))
                        .collect();
                    texts.sort();
                    texts
                };
                assert_eq!(port.endpoints.len(), replicas);
                let to = format!("-p {} -d {address} --dport {} ", port.transport, port.port);
                let inside = expected(local.1);
                let chain = jump(&rules, "KUBE-SERVICES", &to).expect("the address is captured or refused");
                if inside.is_empty() {
                    assert_eq!(chain, "DROP");
                } else {
                    assert_eq!(reachable(&rules, chain), inside);
                }
                let Some(number) = port.node_port else { continue };
                let to = format!("-p {} --dport {number} ", port.transport);
                let external = jump(&rules, "KUBE-NODEPORTS", &to).expect("the node port is captured");
                let last = rules.lines().rev().find(|rule| rule.starts_with(&format!("-A {external} ")));
                let chain = last.and_then(|rule| rule.split_once(&format!("{external} -j "))).map(|(_, chain)| chain);
                let outside = expected(local.0);
                assert_eq!(chain.map(|chain| reachable(&rules, chain)).unwrap_or_default(), outside);
            }
        }
    }

    #[test]
    fn pods_spread_evenly(replicas in 1_usize..30, count in 1_usize..6) {
        let state = try_cluster(&manifest(replicas, &[(80, false)], false, (false, false)), count, "zeus").expect("good");
        let on = |node| state.backend_pods().filter(|pod| pod.node == node).count();
        let counts: Vec<usize> = (0..count).map(on).collect();
        let (least, most) = (counts.iter().min().copied().unwrap_or(0), counts.iter().max().copied().unwrap_or(0));
        assert!(most - least <= 1, "{counts:?}");
        let mut addresses: Vec<_> = state.pods.iter().map(|pod| pod.ip).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), state.pods.len());
        assert_eq!(state.backend().ports[0].transport, Transport::Tcp);
    }
}
