//! The dataplane's text loaded by the real programs, in namespaces without uplink: do packets go where they should?
//!
//! The test runs itself once more inside fresh user, mount, network and PID namespaces, where it may do all
//! that it needs and where nothing that it starts outlives it.

mod dataplane_lab;

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use libtest_mimic::{Arguments, Trial};
use pathlab::{
    cluster::dataplane::{
        PodRole, dnsmasq, kube_proxy,
        layout::{API_SERVICE_IP, DNS_SERVICE_IP, OUTSIDE_IP},
        nginx, portmap,
    },
    model::IpFamily,
};

use self::dataplane_lab::cluster::{Cluster, load};

/// Set in the inner run.
const INSIDE: &str = "PATHLAB_TEST_INSIDE_NAMESPACES";

/// The programs that the tests need.
const PROGRAMS: [&str; 6] = ["ip", "bridge", "ethtool", "iptables-restore", "nginx", "dnsmasq"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if std::env::var_os(INSIDE).is_some() || arguments.list {
        return libtest_mimic::run(&arguments, trials()).exit_code();
    }
    match missing() {
        None => inside(),
        Some(reason) => {
            let required = std::env::var("PATHLAB_REQUIRE").unwrap_or_default();
            println!("dataplane_rules: skipped: {reason}");
            if required.split(',').any(|tier| tier == "netns") {
                println!("dataplane_rules: PATHLAB_REQUIRE names `netns`: a skip is a failure");
                return ExitCode::FAILURE;
            }
            let skipped = trials().into_iter().map(|trial| trial.with_ignored_flag(true)).collect();
            libtest_mimic::run(&arguments, skipped).exit_code()
        }
    }
}

fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn(&Cluster)| {
        Trial::test(name, move || {
            test(&Cluster::start(2));
            Ok(())
        })
    };
    vec![
        trial("services_lead_to_pods", services_lead_to_pods),
        trial("the_outside_comes_in", the_outside_comes_in),
        trial("local_policies_hold", local_policies_hold),
        trial("services_without_endpoints_refuse", services_without_endpoints_refuse),
        trial("sources_are_those_of_a_real_cluster", sources_are_those_of_a_real_cluster),
        trial("a_sync_repairs_a_flush_but_not_host_ports", a_sync_repairs_a_flush_but_not_host_ports),
        trial("nginx_and_dnsmasq_take_their_configuration", nginx_and_dnsmasq_take_their_configuration),
    ]
}

/// The same program in fresh namespaces, as root there.
fn unshared(program: &std::path::Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(program).env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// What this machine lacks.
fn missing() -> Option<String> {
    let output = unshared(std::path::Path::new("true")).output();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Some(format!("no user namespaces: {said}"));
        }
        Err(error) => return Some(format!("no unshare: {error}")),
    }
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let there = |name: &&str| folders.iter().any(|folder| std::path::Path::new(folder).join(name).exists());
    PROGRAMS.iter().find(|name| !there(name)).map(|name| format!("{name} is not installed"))
}

fn inside() -> ExitCode {
    let own = std::env::current_exe().expect("this program has a path");
    let status = unshared(&own).args(std::env::args_os().skip(1)).env(INSIDE, "1").status();
    let code = status.expect("unshare was there before").code().unwrap_or(101);
    ExitCode::from(u8::try_from(code).unwrap_or(101))
}

/// All pods that answer in enough tries to meet each one.
fn everybody(ask: impl Fn() -> std::io::Result<dataplane_lab::netns::Answer>) -> BTreeSet<String> {
    (0..40).map(|_| ask().expect("an answer").name).collect()
}

fn zeus(cluster: &Cluster) -> BTreeSet<String> {
    cluster.state.backend_pods().map(|pod| pod.name.clone()).collect()
}

fn services_lead_to_pods(cluster: &Cluster) {
    let (service, udp) = (cluster.service("zeus"), cluster.service("zeus-udp"));
    for name in ["probe-local", "probe-remote"] {
        let (prober, _) = cluster.pod(name);
        assert_eq!(everybody(|| prober.tcp(service)), zeus(cluster), "{name} → service");
        assert_eq!(everybody(|| prober.udp(udp)), zeus(cluster), "{name} → udp service");
        let sticky = cluster.service("zeus-sticky");
        assert_eq!(everybody(|| prober.tcp(sticky)).len(), 1, "{name} stays with one pod");
    }
    for node in &cluster.nodes {
        assert_eq!(everybody(|| node.tcp(service)), zeus(cluster), "node → service");
    }
    for pod in cluster.state.backend_pods() {
        let answer = cluster.nodes[1].tcp(SocketAddr::new(IpAddr::V4(pod.ip), 9090)).expect("node → pod IP");
        assert_eq!(answer.name, pod.name);
    }
}

fn the_outside_comes_in(cluster: &Cluster) {
    let outside = &cluster.outside;
    for node in 0..2 {
        let node_port = cluster.node_port(node, "zeus");
        assert_eq!(everybody(|| outside.tcp(node_port)), zeus(cluster), "outside → {node_port}");
        let udp = cluster.node_port(node, "zeus-udp");
        assert_eq!(everybody(|| outside.udp(udp)), zeus(cluster), "outside → {udp}/udp");
    }
    let external = SocketAddr::from(([198, 51, 100, 7], 80));
    assert_eq!(everybody(|| outside.tcp(external)), zeus(cluster), "outside → external address");
    let host_port = outside.tcp(cluster.at_node(0, 8088)).expect("outside → host port");
    assert_eq!((host_port.name.as_str(), host_port.source), ("hermes", IpAddr::V4(OUTSIDE_IP)));
    let refused = outside.tcp(cluster.at_node(1, 8088)).expect_err("the other node has no such host port");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

fn local_policies_hold(cluster: &Cluster) {
    let answer = cluster.outside.tcp(cluster.node_port(0, "hermes-local")).expect("the pod's own node");
    assert_eq!(answer.source, IpAddr::V4(OUTSIDE_IP), "Local preserves the source");
    let dropped = cluster.outside.tcp(cluster.node_port(1, "hermes-local")).expect_err("the other node");
    assert_eq!(dropped.kind(), ErrorKind::TimedOut);
    let (service, other) = (cluster.service("hermes-local"), cluster.node_port(1, "hermes-local"));
    assert!(cluster.pod("probe-local").0.tcp(service).is_ok(), "internal, own node");
    let dropped = cluster.pod("probe-remote").0.tcp(service).expect_err("internal, other node");
    assert_eq!(dropped.kind(), ErrorKind::TimedOut);
    assert!(cluster.pod("probe-remote").0.tcp(other).is_ok(), "for pods every endpoint will do");
}

fn services_without_endpoints_refuse(cluster: &Cluster) {
    let (prober, service) = (cluster.pod("probe-local").0, cluster.service("nobody"));
    let from_pod = prober.tcp(service).expect_err("no endpoints");
    let from_node = cluster.nodes[0].tcp(service).expect_err("no endpoints");
    let from_outside = cluster.outside.tcp(cluster.node_port(1, "nobody")).expect_err("no endpoints");
    let kinds = [from_pod, from_node, from_outside].map(|error| error.kind());
    assert_eq!(kinds, [ErrorKind::ConnectionRefused; 3]);
}

fn sources_are_those_of_a_real_cluster(cluster: &Cluster) {
    let source = |answer: std::io::Result<dataplane_lab::netns::Answer>| answer.expect("an answer").source.to_string();
    let (prober, own) = cluster.pod("probe-local");
    assert_eq!(source(prober.tcp(cluster.service("zeus"))), own.ip.to_string(), "pod → service: preserved");
    let (hermes, own) = cluster.pod("hermes");
    assert_ne!(source(hermes.tcp(cluster.service("hermes"))), own.ip.to_string(), "hairpin: masqueraded");
    let via_node = source(cluster.outside.tcp(cluster.node_port(1, "zeus")));
    assert!(["192.0.2.12", "10.1.2.0"].contains(&via_node.as_str()), "node port: the node's {via_node}");
    let api = SocketAddr::new(IpAddr::V4(API_SERVICE_IP), 443);
    let (remote, _) = cluster.pod("probe-remote");
    assert_eq!(source(remote.tcp(api)), "192.0.2.12", "pod → what is no pod: the node's address");
    let remote_pod = cluster.state.backend_pods().find(|pod| pod.node == 1).expect("zeus spreads");
    let to = SocketAddr::new(IpAddr::V4(remote_pod.ip), 9090);
    assert_eq!(source(cluster.nodes[0].tcp(to)), "10.1.1.0", "node → remote pod: the tunnel's address");
}

fn a_sync_repairs_a_flush_but_not_host_ports(cluster: &Cluster) {
    let (node, program) = (&cluster.nodes[0], kube_proxy::program(&cluster.state, 0, IpFamily::Ipv4));
    let save = || {
        let text = node.program(&["iptables-save"], "");
        text.lines().filter(|line| !line.starts_with(['#', ':'])).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = save();
    load(node, &program);
    assert_eq!(save(), before, "a sync of what is there changes nothing");
    for table in ["filter", "nat", "mangle"] {
        node.program(&["iptables", "-t", table, "-F"], "");
        node.program(&["iptables", "-t", table, "-X"], "");
    }
    let saved = node.program(&["iptables-save"], "");
    assert!(program.is_damaged(&saved), "the flush shows");
    let service = cluster.service("zeus");
    assert!(cluster.pod("probe-local").0.tcp(service).is_err(), "no service without rules");
    let refused = cluster.outside.tcp(cluster.node_port(0, "zeus")).expect_err("no node port without rules");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    load(node, &program);
    assert!(!program.is_damaged(&node.program(&["iptables-save"], "")));
    assert_eq!(everybody(|| cluster.pod("probe-local").0.tcp(service)), zeus(cluster));
    assert!(cluster.outside.tcp(cluster.node_port(0, "zeus")).is_ok());
    assert!(cluster.outside.tcp(cluster.at_node(0, 8088)).is_err(), "host ports do not come back by themselves");
    load(node, &portmap::program(&cluster.state, 0, IpFamily::Ipv4).expect("hermes has a host port"));
    assert!(cluster.outside.tcp(cluster.at_node(0, 8088)).is_ok());
}

fn nginx_and_dnsmasq_take_their_configuration(cluster: &Cluster) {
    let folder = tempfile::tempdir().expect("a folder");
    // The programs write below /run, as in a pod; here it is the test's own.
    let mounted = Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/run"]).status().expect("mount");
    assert!(mounted.success());
    let write = |path: &std::path::Path, text: &str| std::fs::write(path, text).expect("the file can be written");
    let config = folder.path().join("nginx.conf");
    write(&config, &nginx::config(&cluster.state));
    cluster.pod("ingress-node-1").0.start(&["nginx", "-e", "stderr", "-c", config.to_str().expect("UTF-8")]);
    let dns = cluster.state.pod(PodRole::Dns).expect("a DNS pod");
    let files = dnsmasq::files(&cluster.state, dns);
    let config = folder.path().join("dnsmasq.conf");
    write(&config, &files.config);
    write(dnsmasq::HOSTS_PATH.as_ref(), &files.hosts);
    let option = format!("--conf-file={}", config.display());
    cluster.pod("coredns").0.start(&["dnsmasq", &option]);
    let ingress = cluster.at_node(0, 80);
    let status = |path: &str| {
        let text = cluster.outside.http(ingress, path, "zeus.example").expect("nginx answers");
        text.split(' ').nth(1).map(str::to_owned).unwrap_or_default()
    };
    wait_until(|| cluster.outside.http(ingress, "/", "x").is_ok());
    assert_eq!(
        [status("/setup"), status("/setup/x"), status("/setups"), status("/nobody")],
        ["200", "200", "404", "503"]
    );
    let (prober, _) = cluster.pod("probe-remote");
    let answer = |name: &str| prober.datagram(SocketAddr::new(IpAddr::V4(DNS_SERVICE_IP), 53), &query(name));
    wait_until(|| answer("cluster.local").is_ok());
    let zeus = answer("zeus.default.svc.cluster.local").expect("the DNS answers");
    let IpAddr::V4(address) = cluster.service("zeus").ip() else { panic!("IPv4") };
    assert!(zeus.ends_with(&address.octets()), "{zeus:?}");
    let question = query("zeus.default.svc.cluster.local");
    let zeus = prober.dns_over_tcp(SocketAddr::new(IpAddr::V4(DNS_SERVICE_IP), 53), &question).expect("over TCP too");
    assert!(zeus.ends_with(&address.octets()), "{zeus:?}");
    let absent = answer("hera.default.svc.cluster.local").expect("the DNS answers");
    assert_eq!(absent[3] & 15, 3, "NXDOMAIN");
}

/// Waits for a program that has just been started.
fn wait_until(ready: impl Fn() -> bool) {
    for _ in 0..200 {
        if ready() {
            return;
        }
        thread::sleep(Duration::from_millis(25));
    }
}

/// A DNS query for the address of a name.
fn query(name: &str) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).expect("a short label"));
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}
