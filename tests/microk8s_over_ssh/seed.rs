//! The seed scenario on one host with RHEL's firewall and on one without.

use std::{sync::Arc, time::Instant};

use libtest_mimic::Trial;
use pathlab::{
    catalog::{Catalog, distro::Distro, scenario::Scenario},
    cluster::{Cluster as _, microk8s::MicroK8s},
    model::Outcome,
    policy::{self, HostKind},
    provider::{Command, Machine as _},
};

use crate::{
    found::Found,
    host::{Host, Lan, bundle},
    probes::{all_ok, bring_up, cases, catalog, cluster, outcomes, outside},
    run,
};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        the_seed_fails_behind_firewalld_and_a_remedy_repairs_it,
        an_ingress_with_a_service_keeps_its_port_over_a_reload,
    ]
}

/// What the ingress needs after a reload of firewalld, whose loss of host ports is for good.
const RESTART: &str = "microk8s kubectl rollout restart daemonset nginx-ingress-microk8s-controller -n ingress";

struct World {
    catalog: Catalog,
    scenario: Arc<Scenario>,
}

impl World {
    fn distro(&self, name: &str) -> Arc<Distro> {
        Arc::clone(self.catalog.distros().named(name).expect("there"))
    }
}

fn the_seed_fails_behind_firewalld_and_a_remedy_repairs_it() {
    run(async {
        let bundle = bundle();
        let mut catalog = catalog();
        let scenario = catalog.scenario("pod-ip-502").expect("the seed");
        let world = World { catalog, scenario };
        let hosts = |number: u8, name: &'static str| async move {
            let lan = Lan::new(number);
            let outside = Host::start(lan, if number == 0 { "outside-0" } else { "outside-1" }, 1).await;
            (outside, Host::start(lan, name, 11).await)
        };
        let (rhel, ubuntu) = tokio::join!(hosts(0, "rhel"), hosts(1, "ubuntu"));
        for (_, host) in [&rhel, &ubuntu] {
            bundle.install_into(&*host.machine).await.expect("installed");
        }
        tokio::join!(on_rhel(&world, &rhel.0, &rhel.1), on_ubuntu(&world, &ubuntu.0, &ubuntu.1));
    });
}

async fn on_ubuntu(world: &World, outside_host: &Host, host: &Host) {
    let distro = world.distro("ubuntu");
    policy::apply(&*host.machine, &distro.policy, HostKind::Whole).await.expect("applied");
    let before = Found::of(host).await;
    let (agent, _running) = outside(outside_host, host).await;
    let mut cluster = cluster(&[(host, &distro)], &world.scenario, Some(agent));
    bring_up(&mut cluster, "ubuntu").await;
    let cases = cases(&world.scenario, &distro);
    assert_eq!(outcomes(&cluster, &cases).await, all_ok(&cases));
    leave(cluster, host, &before).await;
}

async fn on_rhel(world: &World, outside_host: &Host, host: &Host) {
    let distro = world.distro("rhel");
    policy::apply(&*host.machine, &distro.policy, HostKind::Whole).await.expect("applied");
    let before = Found::of(host).await;
    let (agent, _running) = outside(outside_host, host).await;
    let mut cluster = cluster(&[(host, &distro)], &world.scenario, Some(agent));
    bring_up(&mut cluster, "rhel").await;
    let cases = cases(&world.scenario, &distro);
    let known = ["pod-to-pod-ip", "ingress-to-pod-ip", "outside-to-ingress"].map(str::to_owned);
    let mut expected = all_ok(&cases);
    for (path, outcome) in known.iter().zip([Outcome::Rejected, Outcome::Rejected, Outcome::Http(502)]) {
        expected.insert(path.clone(), outcome);
    }
    assert_eq!(outcomes(&cluster, &cases).await, expected);

    trust_pods(&mut cluster, &world.scenario, host).await;
    // Rules of host ports are nobody's to write again: a reload has cost the ingress its port.
    let mut without_host_port = all_ok(&cases);
    without_host_port.insert("outside-to-ingress".to_owned(), Outcome::Rejected);
    assert_eq!(outcomes(&cluster, &cases).await, without_host_port);
    host.sh(RESTART).await;
    cluster.settle().await.expect("settled");
    assert_eq!(outcomes(&cluster, &cases).await, all_ok(&cases));

    host.sh("firewall-cmd --permanent --zone=trusted --remove-source=10.1.0.0/16 && firewall-cmd --reload").await;
    leave(cluster, host, &before).await;
}

/// Applies the recommended remedy, and waits for what follows.
///
/// kube-proxy stands still until it is seen that its rules are gone: it may look at any moment, and write them again.
async fn trust_pods(cluster: &mut MicroK8s, scenario: &Scenario, host: &Host) {
    assert!(cluster.rules_intact().await.expect("seen"), "kube-proxy wrote none");
    host.sh("kill -STOP $(pidof kube-proxy)").await;
    let remedy = scenario.remedies.iter().find(|remedy| remedy.id == "trusted-source").expect("there");
    for line in &remedy.run {
        host.sh(line).await;
    }
    cluster.settle().await.expect("settled");
    assert!(!cluster.rules_intact().await.expect("seen"), "firewalld left them");
    host.sh("kill -CONT $(pidof kube-proxy)").await;
    let began = Instant::now();
    cluster.resync().await.expect("kube-proxy looks again");
    println!("rhel: kube-proxy wrote its rules again after {:?}", began.elapsed());
}

fn an_ingress_with_a_service_keeps_its_port_over_a_reload() {
    run(async {
        let bundle = bundle();
        bundle.keep_ingress_port().expect("written");
        let mut catalog = catalog();
        let scenario = catalog.scenario("pod-ip-502").expect("the seed");
        let distro = Arc::clone(catalog.distros().named("rhel").expect("there"));
        let lan = Lan::new(0);
        let outside_host = Host::start(lan, "outside", 1).await;
        let host = Host::start(lan, "rhel", 11).await;
        bundle.install_into(&*host.machine).await.expect("installed");
        policy::apply(&*host.machine, &distro.policy, HostKind::Whole).await.expect("applied");
        let (agent, _running) = outside(&outside_host, &host).await;
        let mut cluster = cluster(&[(&host, &distro)], &scenario, Some(agent));
        bring_up(&mut cluster, "rhel").await;
        trust_pods(&mut cluster, &scenario, &host).await;
        let cases = cases(&scenario, &distro);
        assert_eq!(outcomes(&cluster, &cases).await, all_ok(&cases));
    });
}

/// Everything is taken away, and the host is as it was.
async fn leave(mut cluster: MicroK8s, host: &Host, before: &Found) {
    let began = Instant::now();
    let failed = cluster.remove().await;
    assert!(failed.is_empty(), "{failed:?}");
    println!("{}: removed in {:?}", host.machine.name(), began.elapsed());
    let gone = host.machine.run(&Command::new(["microk8s", "status"])).await;
    assert!(gone.is_err(), "it is there");
    Found::of(host).await.is_like(before, host.machine.name());
}
