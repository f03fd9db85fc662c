//! The seed scenario on hosts that exist, which are found again as they were.

use libtest_mimic::Trial;
use pathlab::{
    catalog::Catalog,
    policy::{self, HostKind},
    provider::Machine as _,
};
use serde_json::Value;

use crate::{
    found::Found,
    host::{Host, Lan, bundle},
    lab::Lab,
    refused::os_release,
    run,
};

pub fn trials() -> Vec<Trial> {
    crate::trials![the_seed_is_reproduced_and_the_hosts_are_as_they_were]
}

/// Three hosts of one network: two of distros, and one outside, whose routes lead by the first.
pub struct World {
    pub rhel: Host,
    pub ubuntu: Host,
    pub outside: Host,
}

impl World {
    pub async fn new() -> Self {
        let bundle = bundle();
        let lan = Lan::new(0);
        let (rhel, ubuntu, outside) =
            tokio::join!(Host::start(lan, "rhel", 11), Host::start(lan, "ubuntu", 12), Host::start(lan, "outside", 1));
        let catalog =
            Catalog::load(&camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).expect("the library");
        for (host, name) in [(&rhel, "rhel"), (&ubuntu, "ubuntu")] {
            bundle.install_into(&*host.machine).await.expect("installed");
            let distro = catalog.distros().named(name).expect("there");
            policy::apply(&*host.machine, &distro.policy, HostKind::Whole).await.expect("applied");
            host.sh(&os_release(&distro.id)).await;
        }
        outside.sh(&format!("ip route add 10.152.183.0/24 via {0}; ip route add 10.1.0.0/16 via {0}", rhel.ip)).await;
        Self { rhel, ubuntu, outside }
    }

    pub fn hosts(&self) -> [&Host; 3] {
        [&self.rhel, &self.ubuntu, &self.outside]
    }

    pub async fn found(&self) -> [Found; 3] {
        [Found::of(&self.rhel).await, Found::of(&self.ubuntu).await, Found::of(&self.outside).await]
    }

    pub async fn is_like(&self, before: &[Found; 3]) {
        for (host, before) in self.hosts().into_iter().zip(before) {
            Found::of(host).await.is_like(before, host.machine.name());
        }
    }
}

/// The arguments of a run on all of them.
pub const RUN: [&str; 8] =
    ["--host", "rhel=rhel", "--host", "ubuntu=ubuntu", "--outside", "outside", "--yes", "--install"];

fn the_seed_is_reproduced_and_the_hosts_are_as_they_were() {
    run(async {
        let world = World::new().await;
        let lab = Lab::new("seed", &world.hosts());
        let before = world.found().await;
        let ended = lab.run(&RUN);
        println!("{}\n{}", ended.stdout, ended.stderr);
        world.is_like(&before).await;
        ended.said(0, &["outside of the clusters"]);

        let report = lab.report();
        assert_eq!((&report["run"]["provider"], &report["run"]["cluster"]), (&"ssh".into(), &"microk8s".into()));
        let verdict = |distro: &str, path: &str| case(&report, distro, path)["verdict"].clone();
        for path in ["pod-to-pod-ip", "ingress-to-pod-ip", "outside-to-ingress"] {
            assert_eq!(
                (verdict("rhel-9.5", path), verdict("ubuntu-22.04", path)),
                ("known".into(), "pass".into()),
                "{path}"
            );
        }
        assert_eq!(case(&report, "rhel-9.5", "pod-to-pod-ip")["cause"]["owner"], "firewalld zone public");
        assert_eq!(verdict("rhel-9.5", "outside-to-service"), "pass");
        // The other cluster has the same addresses, and the routes lead to one.
        assert_eq!(verdict("ubuntu-22.04", "outside-to-service"), "skipped");
        let drift = report["distros"][0]["machine"]["drift"].to_string();
        assert!(drift.contains("SELinux is disabled, not enforcing"), "{drift}");
        commands(&lab);
        let gc = lab.lab(&["gc"]);
        gc.said(0, &["Nothing is left of any lab that is gone."]);
    });
}

fn case<'a>(report: &'a Value, distro: &str, path: &str) -> &'a Value {
    let id = format!("pod-ip-502::{distro}::as-installed::{path}");
    let cases = report["cases"].as_array().expect("cases");
    cases.iter().find(|case| case["id"] == id.as_str()).unwrap_or_else(|| panic!("no {id}"))
}

/// Every command has its line, with time and status; what must stay secret has none.
fn commands(lab: &Lab) {
    let text = lab.commands();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for (machine, part) in [
        ("rhel", "snap install microk8s"),
        ("rhel", "snap remove --purge"),
        ("ubuntu", "microk8s enable ingress"),
        ("outside", "lab-agent serve"),
    ] {
        assert!(lab.told(machine, part), "{machine} was never told to `{part}`");
    }
    assert!(lines.iter().all(|line| line["at"].is_string() && line["milliseconds"].is_number()), "{text}");
    let ended = lines.iter().filter(|line| line.get("command").is_some());
    assert!(ended.clone().all(|line| line["status"].is_number() || line["failure"].is_string()), "{text}");
    assert!(!text.contains("client-key-data") && !text.contains("PRIVATE KEY"), "{text}");
}
