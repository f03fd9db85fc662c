//! A cluster of two nodes.

use std::sync::Arc;

use libtest_mimic::Trial;
use pathlab::{
    catalog::scenario::{Nodes, Scenario},
    cluster::{
        Cluster as _,
        microk8s::{self, Limits, Node},
    },
    policy::{self, HostKind},
    provider::Machine as _,
};

use crate::{
    found::Found,
    host::{Host, Lan, bundle},
    probes::{all_ok, bring_up, cases, catalog, cluster, outcomes, outside},
    run,
};

pub fn trials() -> Vec<Trial> {
    crate::trials![two_nodes_join_and_reach_each_other, nodes_join_past_their_own_firewalls]
}

/// A scenario of the library whose paths cross between nodes.
const SCENARIO: &str = "pod-ip-502";

fn two_nodes_join_and_reach_each_other() {
    run(async {
        let bundle = bundle();
        let lan = Lan::new(0);
        let mut catalog = catalog();
        let scenario = catalog.scenario(SCENARIO).expect("there");
        let scenario = Arc::new(Scenario { nodes: Nodes::Count(2), ..(*scenario).clone() });
        let distro = Arc::clone(catalog.distros().named("ubuntu").expect("there"));
        let outside_host = Host::start(lan, "outside", 1).await;
        let (first, second) = tokio::join!(Host::start(lan, "node-1", 11), Host::start(lan, "node-2", 12));
        for host in [&first, &second] {
            bundle.install_into(&*host.machine).await.expect("installed");
        }
        let before = [Found::of(&first).await, Found::of(&second).await];
        let (agent, _running) = outside(&outside_host, &first).await;
        let mut cluster = cluster(&[(&first, &distro), (&second, &distro)], &scenario, Some(agent));
        bring_up(&mut cluster, "two nodes").await;
        let limits = Limits::default();
        let mut nodes = microk8s::nodes(Node::new(&*first.machine, &limits)).await.expect("answers");
        nodes.sort();
        assert_eq!(nodes, ["node-1", "node-2"]);
        let cases = cases(&scenario, &distro);
        assert_eq!(outcomes(&cluster, &cases).await, all_ok(&cases));
        let failed = cluster.remove().await;
        assert!(failed.is_empty(), "{failed:?}");
        for (host, before) in [&first, &second].into_iter().zip(&before) {
            Found::of(host).await.is_like(before, host.machine.name());
        }
    });
}

/// What RHEL's firewall lets in.
const RULES: &str = "firewall-cmd --list-all-zones; firewall-cmd --permanent --zone=trusted --list-sources";

fn nodes_join_past_their_own_firewalls() {
    run(async {
        let bundle = bundle();
        let lan = Lan::new(0);
        let mut catalog = catalog();
        let scenario = catalog.scenario(SCENARIO).expect("there");
        let scenario = Arc::new(Scenario { nodes: Nodes::Count(2), ..(*scenario).clone() });
        let distro = Arc::clone(catalog.distros().named("rhel").expect("there"));
        let (first, second) = tokio::join!(Host::start(lan, "node-1", 11), Host::start(lan, "node-2", 12));
        let mut rules = Vec::new();
        for host in [&first, &second] {
            bundle.install_into(&*host.machine).await.expect("installed");
            policy::apply(&*host.machine, &distro.policy, HostKind::Whole).await.expect("applied");
            rules.push(host.sh(RULES).await);
        }
        let mut cluster = cluster(&[(&first, &distro), (&second, &distro)], &scenario, None);
        if let Err(error) = cluster.start().await {
            panic!("{error}");
        }
        let limits = Limits::default();
        let mut nodes = microk8s::nodes(Node::new(&*first.machine, &limits)).await.expect("answers");
        nodes.sort();
        assert_eq!(nodes, ["node-1", "node-2"]);
        for (host, before) in [&first, &second].into_iter().zip(&rules) {
            assert_eq!(host.sh(RULES).await, *before, "{}", host.machine.name());
        }
        let failed = cluster.remove().await;
        assert!(failed.is_empty(), "{failed:?}");
    });
}
