//! Each way of breaking a cluster and the cause that it must give.

use pathlab::{
    diagnose::{Explanation, group},
    model::{WayVerdict, report::CauseKind},
};

use super::lab::{
    available,
    cluster::{Cluster, From, SERVICE, Try, node_address, pod},
};

/// Builds a cluster of so many machines, unless there are no namespaces here.
macro_rules! cluster {
    ($machines:expr) => {
        if available() { Cluster::new($machines).await } else { return }
    };
}

const POD_TO_POD: Try =
    Try { path: "pod-to-pod-ip", from: From::Pod(0, 0), to: DUMMY, backend: Some((0, 1)), upstream: None };
const DUMMY: std::net::SocketAddr = std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

fn pod_to_pod() -> Try {
    Try { to: pod(0, 1), ..POD_TO_POD }
}

fn outside_to_pod() -> Try {
    Try { path: "outside-to-pod-ip", from: From::Outside, ..pod_to_pod() }
}

fn remote_pod_to_pod() -> Try {
    Try { path: "remote-pod-to-pod-ip", to: pod(1, 1), backend: Some((1, 1)), ..POD_TO_POD }
}

fn pod_to_service() -> Try {
    Try { path: "pod-to-service", to: SERVICE.parse().expect("address"), ..POD_TO_POD }
}

/// Kind, table, chain, rule and owner of a cause; empty where it has none.
fn named(explanation: &Explanation) -> (CauseKind, &str, &str, &str, &str) {
    let cause = &explanation.cause;
    let [table, chain, rule, owner] =
        [&cause.table, &cause.chain, &cause.rule, &cause.owner].map(|field| field.as_deref().unwrap_or_default());
    (cause.kind, table, chain, rule, owner)
}

#[tokio::test]
async fn firewalld_rejects_what_is_not_translated() {
    let cluster = cluster!(1);
    cluster.start_firewalld(0).await;
    cluster.add_service(0, 1).await;
    cluster.start_ingress((0, 0), (0, 1)).await;
    cluster.machines[0]
        .sh("iptables -t nat -A KUBE-SERVICES -p tcp --dport 80 -m addrtype --dst-type LOCAL -j DNAT --to-destination 10.1.1.11:80")
        .await;
    let ingress = Try {
        path: "outside-to-ingress",
        from: From::Outside,
        to: (node_address(0), 80).into(),
        backend: Some((0, 0)),
        upstream: Some((0, 1)),
    };
    let explained = cluster.explain(&[pod_to_pod(), outside_to_pod(), ingress]).await;
    for explanation in &explained {
        assert_eq!(
            named(explanation),
            (
                CauseKind::FirewallReject,
                "inet firewalld",
                "filter_FWD_public",
                "reject with icmpx admin-prohibited",
                "firewalld zone public"
            )
        );
    }
    assert_eq!(
        explained[0].cause.summary,
        "rhel-9.5 rejects it: cali* interfaces are in no zone, so firewalld's default zone public ends the packet with \
         `reject with icmpx admin-prohibited` (inet firewalld filter_FWD_public). The Service path survives because its \
         packets are DNATed and firewalld accepts `ct status dnat`."
    );
    assert!(explained[2].cause.summary.starts_with("The ingress answers http-502 because its own connection"));
    let groups = group(&explained);
    assert_eq!((groups.len(), groups[0].cases.len()), (1, 3));
    let last = groups[0].way.steps.last().expect("steps");
    assert_eq!((last.stage.as_str(), last.verdict), ("forward", WayVerdict::Reject));
}

#[tokio::test]
async fn a_rule_somebody_added_drops() {
    let cluster = cluster!(1);
    cluster.machines[0].sh("iptables -I FORWARD 1 -s 10.1.0.0/16 -j DROP").await;
    let explained = cluster.explain(&[pod_to_pod()]).await;
    assert_eq!(
        named(&explained[0]),
        (CauseKind::FirewallDrop, "ip filter", "FORWARD", "-A FORWARD -s 10.1.0.0/16 -j DROP", "user")
    );
}

#[tokio::test]
async fn an_answer_is_dropped() {
    let cluster = cluster!(1);
    let rules = "table inet mine {\n chain forward { type filter hook forward priority 5; tcp sport 8080 tcp flags & (syn | ack) == syn | ack counter drop; }\n}\n";
    cluster.machines[0].sh(&format!("nft '{rules}'")).await;
    let explained = cluster.explain(&[pod_to_pod(), outside_to_pod()]).await;
    for explanation in &explained {
        let (kind, table, chain, rule, owner) = named(explanation);
        assert_eq!((kind, table, chain, owner), (CauseKind::FirewallDrop, "inet mine", "forward", "user"));
        assert!(
            rule.starts_with("tcp sport 8080 ") && rule.ends_with("counter drop") || rule.ends_with("drop"),
            "{rule}"
        );
        assert!(explanation.cause.summary.contains("drops the answer"), "{}", explanation.cause.summary);
    }
}

#[tokio::test]
async fn a_policy_drops() {
    let cluster = cluster!(1);
    cluster.machines[0].sh("iptables -P FORWARD DROP").await;
    let explained = cluster.explain(&[pod_to_pod()]).await;
    assert_eq!(named(&explained[0]), (CauseKind::FirewallDrop, "ip filter", "FORWARD", "policy drop", "user"));
}

#[tokio::test]
async fn ufw_drops_what_it_routes() {
    let cluster = cluster!(1);
    cluster.start_ufw(0).await;
    let explained = cluster.explain(&[pod_to_pod()]).await;
    assert_eq!(named(&explained[0]), (CauseKind::FirewallDrop, "ip filter", "FORWARD", "policy drop", "ufw"));
}

#[tokio::test]
async fn legacy_rules_are_found_by_their_counters() {
    let cluster = cluster!(1);
    cluster.machines[0]
        .sh("iptables-legacy -A FORWARD -s 10.9.0.0/16 -j DROP; iptables-legacy -A FORWARD -s 10.1.0.0/16 -j DROP")
        .await;
    let explained = cluster.explain(&[pod_to_pod()]).await;
    assert_eq!(
        named(&explained[0]),
        (CauseKind::FirewallDrop, "ip filter", "FORWARD", "-A FORWARD -s 10.1.0.0/16 -j DROP", "user")
    );
    assert!(explained[0].cause.summary.contains("legacy"), "{}", explained[0].cause.summary);
}

#[tokio::test]
async fn forwarding_is_off() {
    let cluster = cluster!(1);
    cluster.machines[0].sh("echo 0 > /proc/sys/net/ipv4/ip_forward").await;
    let explained = cluster.explain(&[outside_to_pod(), pod_to_pod()]).await;
    for explanation in &explained {
        assert_eq!(
            (explanation.cause.kind, explanation.cause.rule.as_deref()),
            (CauseKind::ForwardingOff, Some("net.ipv4.ip_forward = 0"))
        );
    }
    assert_eq!(group(&explained).len(), 1);
}

#[tokio::test]
async fn one_interface_does_not_forward() {
    let cluster = cluster!(1);
    cluster.machines[0].sh("echo 0 > /proc/sys/net/ipv4/conf/eth0/forwarding").await;
    let explained = cluster.explain(&[outside_to_pod()]).await;
    assert_eq!(
        (explained[0].cause.kind, explained[0].cause.rule.as_deref()),
        (CauseKind::ForwardingOff, Some("net.ipv4.conf.eth0.forwarding = 0"))
    );
}

#[tokio::test]
async fn a_route_is_gone() {
    let cluster = cluster!(1);
    cluster.machines[0].sh("ip route del 10.1.1.12").await;
    let explained = cluster.explain(&[pod_to_pod(), outside_to_pod()]).await;
    for explanation in &explained {
        assert_eq!(explanation.cause.kind, CauseKind::NoRoute);
        assert!(explanation.cause.summary.contains("192.168.50.100"), "{}", explanation.cause.summary);
    }
}

#[tokio::test]
async fn a_block_without_route_is_a_black_hole() {
    let cluster = cluster!(1);
    cluster.machines[0].sh("ip route del 10.1.1.12; ip route add blackhole 10.1.1.0/26").await;
    let explained =
        cluster.explain(&[pod_to_pod(), Try { path: "node-to-pod-ip", from: From::Node(0), ..pod_to_pod() }]).await;
    for explanation in &explained {
        assert_eq!(explanation.cause.kind, CauseKind::NoRoute);
        assert!(explanation.cause.summary.contains("Invalid argument"), "{}", explanation.cause.summary);
    }
}

#[tokio::test]
async fn the_reverse_path_filter_drops() {
    let cluster = cluster!(1);
    cluster.machines[0]
        .sh("echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter; ip route add 10.9.9.0/24 dev cali00")
        .await;
    // The node answers no ARP question from that address either: the outside host has to know the answer.
    let mac = cluster.machines[0].sh("ip -br link show eth0 | awk '{print $3}'").await;
    cluster
        .outside
        .sh(&format!(
            "ip neigh replace 192.168.50.11 lladdr {} dev eth0 nud permanent; ip addr add 10.9.9.9/32 dev lo; \
             ip route add 10.1.1.12/32 via 192.168.50.11 src 10.9.9.9",
            mac.trim()
        ))
        .await;
    let explained = cluster.explain(&[outside_to_pod()]).await;
    assert_eq!(
        (explained[0].cause.kind, explained[0].cause.rule.as_deref()),
        (CauseKind::ReversePath, Some("net.ipv4.conf.eth0.rp_filter = 1"))
    );
    assert!(explained[0].cause.summary.contains("cali00"), "{}", explained[0].cause.summary);
}

#[tokio::test]
async fn translation_rules_are_flushed() {
    let cluster = cluster!(1);
    cluster.add_service(0, 1).await;
    assert_eq!(cluster.outcome(&pod_to_service()).await, pathlab::model::Outcome::Ok);
    cluster.machines[0].sh("iptables -t nat -F").await;
    let node_port = Try { path: "outside-to-node-port", to: (node_address(0), 30080).into(), ..outside_to_pod() };
    let explained = cluster.explain(&[pod_to_service(), node_port]).await;
    for explanation in &explained {
        assert_eq!(
            (explanation.cause.kind, explanation.cause.owner.as_deref()),
            (CauseKind::NoRule, Some("kube-proxy"))
        );
    }
}

#[tokio::test]
async fn nobody_answers_arp() {
    let cluster = cluster!(1);
    cluster.pods[0][1].sh("ip link set eth0 arp off; ip link set eth0 address 02:00:00:00:00:99").await;
    cluster.machines[0].sh("ip neigh flush dev cali01").await;
    let explained = cluster.explain(&[pod_to_pod()]).await;
    assert_eq!(explained[0].cause.kind, CauseKind::NoRoute);
    assert!(explained[0].cause.summary.contains("ARP"), "{}", explained[0].cause.summary);
}

#[tokio::test]
async fn nothing_listens_is_no_firewall() {
    let cluster = cluster!(1);
    let closed = Try { to: (pod(0, 1).ip(), 9).into(), backend: None, ..pod_to_pod() };
    let explained = cluster.explain(&[closed]).await;
    assert_eq!(explained[0].cause.kind, CauseKind::Unknown);
    assert!(explained[0].cause.summary.contains("nothing listens there"), "{}", explained[0].cause.summary);
}

#[tokio::test]
async fn the_tunnel_is_rejected_at_the_peer() {
    let cluster = cluster!(2);
    assert_eq!(cluster.outcome(&remote_pod_to_pod()).await, pathlab::model::Outcome::Ok);
    cluster.machines[1].sh("iptables -A INPUT -p udp --dport 4789 -j REJECT").await;
    let explained = cluster.explain(&[remote_pod_to_pod()]).await;
    let (kind, table, chain, rule, owner) = named(&explained[0]);
    assert_eq!((kind, table, chain, owner), (CauseKind::Tunnel, "ip filter", "INPUT", "user"));
    assert_eq!(rule, "-A INPUT -p udp -m udp --dport 4789 -j REJECT --reject-with icmp-port-unreachable");
    let machines: Vec<&str> = explained[0].way.steps.iter().map(|step| step.machine.as_str()).collect();
    assert!(machines.contains(&"node-1") && machines.ends_with(&["node-2"]), "{machines:?}");
}

#[tokio::test]
async fn the_tunnel_ends_at_firewalld() {
    let cluster = cluster!(2);
    cluster.add_service(1, 1).await;
    cluster.start_firewalld(1).await;
    let node =
        Try { path: "remote-node-to-service", from: From::Node(0), to: pod_to_service().to, ..remote_pod_to_pod() };
    let explained = cluster.explain(&[remote_pod_to_pod(), node]).await;
    for explanation in &explained {
        let (kind, table, chain, rule, owner) = named(explanation);
        assert_eq!((kind, table, chain), (CauseKind::Tunnel, "inet firewalld", "filter_IN_public"));
        assert_eq!((rule, owner), ("reject with icmpx admin-prohibited", "firewalld zone public"));
    }
    cluster.machines[1].sh("firewall-cmd --add-port=4789/udp").await;
    let explained = cluster.explain(&[remote_pod_to_pod(), node]).await;
    for explanation in &explained {
        let (kind, _, chain, _, owner) = named(explanation);
        assert_eq!((kind, chain, owner), (CauseKind::FirewallReject, "filter_FWD_public", "firewalld zone public"));
        assert!(explanation.cause.summary.contains("(on node-2)"), "{}", explanation.cause.summary);
    }
}

#[tokio::test]
async fn the_tunnel_does_not_know_its_peer() {
    let cluster = cluster!(2);
    cluster.machines[0].sh("bridge fdb del 66:00:00:00:00:02 dev vxlan.calico dst 192.168.50.12").await;
    let explained = cluster.explain(&[remote_pod_to_pod()]).await;
    assert_eq!(explained[0].cause.kind, CauseKind::Tunnel);
    assert!(explained[0].cause.summary.contains("FDB has no entry"), "{}", explained[0].cause.summary);
}

#[tokio::test]
async fn the_way_back_is_gone() {
    let cluster = cluster!(2);
    cluster.machines[1].sh("ip route del 10.1.1.0/24").await;
    let explained = cluster.explain(&[remote_pod_to_pod()]).await;
    assert_eq!(explained[0].cause.kind, CauseKind::NoRoute);
    assert!(explained[0].cause.summary.contains("(on node-2)"), "{}", explained[0].cause.summary);
}

#[tokio::test]
async fn large_packets_vanish_between_the_machines() {
    let cluster = cluster!(2);
    cluster.switch.sh("for port in $(ip -o link | grep -o ' p[0-9]*'); do ip link set $port mtu 1400; done").await;
    let large = Try { path: "remote-pod-to-pod-ip:large", ..remote_pod_to_pod() };
    let explained = cluster.explain(&[large]).await;
    assert_eq!(explained[0].cause.kind, CauseKind::Mtu);
    assert!(explained[0].cause.summary.contains("VXLAN packets of 1500 bytes"), "{}", explained[0].cause.summary);
}

#[tokio::test]
async fn a_routing_rule_leads_astray() {
    let cluster = cluster!(1);
    cluster.machines[0]
        .sh("ip route add default via 192.168.50.100 dev eth0 table 30400; ip rule add pref 30400 from 192.168.50.11 lookup 30400")
        .await;
    let from_node = Try { path: "node-to-pod-ip", from: From::Node(0), ..pod_to_pod() };
    let explained = cluster.explain(&[from_node]).await;
    let (kind, _, _, rule, owner) = named(&explained[0]);
    assert_eq!(
        (kind, rule, owner),
        (CauseKind::NoRoute, "ip rule 30400: from 192.168.50.11 lookup 30400", "nm-cloud-setup")
    );
    let summary = &explained[0].cause.summary;
    assert!(
        summary.contains("by eth0 for the gateway 192.168.50.100, though the way to 10.1.1.12 is by cali*"),
        "{summary}"
    );
}

#[tokio::test]
async fn the_way_back_is_asked_for_with_its_source() {
    let cluster = cluster!(1);
    cluster.machines[0]
        .sh("ip route add default via 192.168.50.100 dev eth0 table 77; ip rule add pref 77 from 192.168.50.11 lookup 77; \
             echo 1 > /proc/sys/net/ipv4/conf/cali00/rp_filter")
        .await;
    let to_node = Try { path: "pod-to-api-server", to: (node_address(0), 16443).into(), backend: None, ..pod_to_pod() };
    let explained = cluster.explain(&[to_node]).await;
    assert_eq!(
        (explained[0].cause.kind, explained[0].cause.rule.as_deref()),
        (CauseKind::ReversePath, Some("net.ipv4.conf.cali00.rp_filter = 1"))
    );
    let expected = "came from 10.1.1.11 by cali00, but the way back to 10.1.1.11 from 192.168.50.11 is by eth0 for the \
                    gateway 192.168.50.100, as `ip rule 77: from 192.168.50.11 lookup 77` says";
    assert!(explained[0].cause.summary.contains(expected), "{}", explained[0].cause.summary);
}

#[tokio::test]
async fn the_tunnel_has_another_mac_address_than_its_peer_knows() {
    let cluster = cluster!(2);
    cluster.machines[1].sh("ip link set vxlan.calico address 0a:00:00:00:00:02").await;
    let explained = cluster.explain(&[remote_pod_to_pod()]).await;
    assert_eq!(explained[0].cause.kind, CauseKind::Tunnel);
    let summary = &explained[0].cause.summary;
    for part in
        ["(on node-2)", "node-1 sends it to the MAC address 66:00:00:00:00:02", "has the address 0a:00:00:00:00:02"]
    {
        assert!(summary.contains(part), "{part}: {summary}");
    }
}

/// Every second source port is dropped: the first try for the trace may well pass.
#[tokio::test]
async fn a_path_of_many_exchanges_is_tried_until_one_fails() {
    let cluster = cluster!(1);
    let rules = "table inet mine {\n chain forward { type filter hook forward priority 5; tcp dport 8080 @th,15,1 1 drop; }\n}\n";
    cluster.machines[0].sh(&format!("nft '{rules}'")).await;
    for _ in 0..2 {
        let explained = cluster.explain_repeated(&[pod_to_pod()], 4).await;
        assert_eq!(named(&explained[0]).1, "inet mine", "{}", explained[0].cause.summary);
    }
}
