//! A cluster on hosts, and what its agents see.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use camino::Utf8Path;
use pathlab::{
    agent_binary::LAB_AGENT,
    catalog::{Catalog, distro::Distro, scenario::Scenario},
    cluster::{
        Cluster as _,
        microk8s::{Addon, Limits, Member, MicroK8s, MicroK8sOptions, Source},
        workload::AgentSocket,
    },
    model::Outcome,
    plan::{Case, Remedies, Selection, plan},
    probe::{aim, run_batch},
    provider::{Command, Machine as _, Running},
};

use crate::host::Host;

/// Where the outside host's agent listens, and lies.
const SOCKET: &str = "/run/outside.sock";
const AGENT: &str = "/run/lab-agent";

/// The library.
pub fn catalog() -> Catalog {
    Catalog::load(&Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).expect("the library")
}

/// The cases of a scenario on a distro, as installed.
pub fn cases(scenario: &Arc<Scenario>, distro: &Arc<Distro>) -> Vec<Case> {
    let selection = Selection { distros: vec![Arc::clone(distro)], remedies: Remedies::None, filters: Vec::new() };
    let plan = plan(std::slice::from_ref(scenario), &selection).expect("a plan");
    plan.clusters[0].cases.clone()
}

/// An agent outside of a cluster, from where its networks are reached through this node.
pub async fn outside(host: &Host, node: &Host) -> (AgentSocket, Box<dyn Running>) {
    host.sh(&format!("ip route add 10.152.183.0/24 via {0}; ip route add 10.1.0.0/16 via {0}", node.ip)).await;
    host.machine.write_file(AGENT.into(), LAB_AGENT, 0o755).await.expect("written");
    let mut running = host.machine.start(&Command::new([AGENT, "serve", "--socket", SOCKET])).await.expect("starts");
    running.wait_for("ready", Duration::from_secs(20)).await.expect("listens");
    (AgentSocket { machine: Arc::clone(&host.machine) as _, socket: SOCKET.into(), address: host.ip }, running)
}

/// A cluster of these hosts, of this distro each.
pub fn cluster(hosts: &[(&Host, &Arc<Distro>)], scenario: &Arc<Scenario>, outside: Option<AgentSocket>) -> MicroK8s {
    let member = |(host, distro): &(&Host, &Arc<Distro>)| Member {
        machine: Arc::clone(&host.machine) as _,
        ip: host.ip,
        distro: Arc::clone(distro),
    };
    let limits = Limits { pause: Duration::from_millis(250), ..Limits::default() };
    let options = MicroK8sOptions {
        source: Source::Store { channel: "1.32/stable".to_owned(), revision: None },
        addons: vec![Addon::Dns, Addon::Ingress],
        epel: None,
        limits,
        outside,
    };
    MicroK8s::new(hosts.iter().map(member).collect(), Arc::clone(scenario), options)
}

/// Starts it and deploys its scenario.
pub async fn bring_up(cluster: &mut MicroK8s, name: &str) {
    let began = Instant::now();
    if let Err(error) = cluster.start().await {
        panic!("{name}: {error}{}", logs(cluster).await);
    }
    let (started, began) = (began.elapsed(), Instant::now());
    if let Err(error) = cluster.deploy().await {
        panic!("{name}: {error}{}", logs(cluster).await);
    }
    println!("{name}: started in {started:?}, deployed in {:?}", began.elapsed());
}

/// The last lines of all services.
async fn logs(cluster: &MicroK8s) -> String {
    let tail = Command::shell("tail -n 15 /var/snap/microk8s/common/install.log /run/units/*.log");
    let mut all = Vec::new();
    for machine in cluster.nodes() {
        if let Ok(output) = machine.run(&tail).await {
            all.push(format!("\n\n{}:\n{}", machine.name(), output.text()));
        }
    }
    all.concat()
}

/// The outcome of every case, by its path.
pub async fn outcomes(cluster: &MicroK8s, cases: &[Case]) -> BTreeMap<String, Outcome> {
    let workload = cluster.workload();
    let mut outcomes = BTreeMap::new();
    for case in cases {
        let probe =
            aim(&case.spec, &workload.addresses, 0, 3000).unwrap_or_else(|error| panic!("{}: {error}", case.id));
        let agent = workload.agents.get(&case.spec.path.from);
        let agent = agent.unwrap_or_else(|| panic!("{}: no such vantage", case.id));
        let results = run_batch(agent, vec![probe]).await.unwrap_or_else(|error| panic!("{}: {error}", case.id));
        outcomes.insert(case.spec.path.to_string(), results[0].outcome);
    }
    outcomes
}

/// As they would be without anything that fails.
pub fn all_ok(cases: &[Case]) -> BTreeMap<String, Outcome> {
    cases.iter().map(|case| (case.spec.path.to_string(), Outcome::Ok)).collect()
}
