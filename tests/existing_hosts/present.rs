//! A host that has a MicroK8s already: it is used as it is, and found again as it was, but for a remedy that somebody
//! asked for.

use libtest_mimic::Trial;
use pathlab::{
    catalog::Catalog,
    policy::{self, HostKind},
};
use serde_json::Value;

use crate::{
    host::{Host, Lan, bundle},
    lab::Lab,
    refused::os_release,
    run,
};

pub fn trials() -> Vec<Trial> {
    crate::trials![a_microk8s_that_was_there_stays_and_so_does_a_remedy]
}

/// What somebody who runs a cluster would notice. Pods have their names from the cluster: one that was started again has
/// another one.
const THEIRS: &str = "dpkg-query --show
    snap list
    microk8s status
    microk8s kubectl get namespaces,nodes,pods,services,deployments,daemonsets,ingresses,ingressclasses -A
    microk8s ctr images ls -q | sort
    nft list tables | grep -v firewalld || :
    ip -o link | cut -d: -f2 | cut -d@ -f1
    ls /etc/systemd/system /usr/local/bin /usr/local/sbin /var/snap
    ls -d /run/pathlab /var/lib/pathlab /var/lib/pathlab.lab 2>/dev/null || :
    ps -e -o comm= | grep -e lab-agent -e nft || :";

/// A host with RHEL's firewall and a MicroK8s that somebody installed.
async fn customer() -> Host {
    let bundle = bundle();
    // A remedy that ends in a reload must not cost the ingress its port.
    bundle.keep_ingress_port().expect("told");
    let host = Host::start(Lan::new(0), "customer", 11).await;
    bundle.install_into(&*host.machine).await.expect("installed");
    let catalog = Catalog::load(&camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).expect("the library");
    let rhel = catalog.distros().named("rhel").expect("there");
    policy::apply(&*host.machine, &rhel.policy, HostKind::Whole).await.expect("applied");
    host.sh(&os_release(&rhel.id)).await;
    host.sh("snap install microk8s --classic --channel=1.32/stable").await;
    host.sh("until microk8s status --format yaml --wait-ready | grep -q 'running: True'; do sleep 1; done").await;
    host.sh("microk8s enable dns; microk8s enable ingress").await;
    host
}

fn a_microk8s_that_was_there_stays_and_so_does_a_remedy() {
    run(async {
        let host = customer().await;
        let lab = Lab::new("present", &[&host]);
        until_pods_run(&host).await;
        let (before, firewall) = (host.sh(THEIRS).await, zones(&host).await);

        lab.run(&["--host", "rhel=customer"])
            .said(2, &["MicroK8s v1.32.3 (revision 7964, 1.32/stable)", "`--yes` says that all of it may be done"]);
        assert_eq!(host.sh(THEIRS).await, before, "it was only asked");

        let seen = lab.run(&["--host", "rhel=customer", "--yes"]);
        println!("{}\n{}", seen.stdout, seen.stderr);
        seen.said(0, &["no host outside of the clusters is named"]);
        as_installed(&lab.report());
        same(&before, &host.sh(THEIRS).await);
        assert_eq!(zones(&host).await, firewall, "the firewall is as it was");

        let changed = lab.run(&["--host", "rhel=customer", "--yes", "--allow-changes", "--remedy", "trusted-source"]);
        println!("{}\n{}", changed.stdout, changed.stderr);
        changed.said(0, &["fixes 2 of 2"]);
        let report = lab.report();
        as_installed(&report);
        for path in ["pod-to-pod-ip", "ingress-to-pod-ip"] {
            assert_eq!(case(&report, "trusted-source", path)["verdict"], "pass", "{path}");
        }
        same(&before, &host.sh(THEIRS).await);
        let stays = host
            .sh("firewall-cmd --zone=trusted --list-sources; firewall-cmd --permanent --zone=trusted --list-sources");
        assert_eq!(stays.await, "10.1.0.0/16\n10.1.0.0/16");
        // The report says which MicroK8s it was, and nothing was installed.
        assert_eq!(report["distros"][0]["machine"]["snap"], "7964");
        assert!(!lab.commands().contains("snap install"), "{}", lab.commands());
        lab.lab(&["gc"]).said(0, &["Nothing is left of any lab that is gone."]);

        // Once more, now that the remedy is there: the known issue is gone, and the reader is told why.
        let fixed = ["2 fixed", "not as its distro is installed", "zone trusted: sources is 10.1.0.0/16, not nothing"];
        lab.run(&["--host", "rhel=customer", "--yes"]).said(1, &fixed);
        same(&before, &host.sh(THEIRS).await);

        // Nor is any other part of firewalld, in force or not yet.
        host.sh("firewall-cmd --direct --add-rule ipv4 filter FORWARD 0 -s 10.1.0.0/16 -j ACCEPT").await;
        host.sh("firewall-cmd --direct --add-passthrough ipv4 -A FORWARD -d 10.1.0.0/16 -j ACCEPT").await;
        host.sh("firewall-cmd --permanent --zone=public --add-port=8080/tcp").await;
        host.sh("firewall-cmd --permanent --new-policy=pods").await;
        host.sh("firewall-cmd --permanent --direct --add-rule ipv4 filter INPUT 0 -s 10.1.0.0/16 -j ACCEPT").await;
        let also = [
            "direct rules is ipv4 filter FORWARD 0 -s 10.1.0.0/16 -j ACCEPT, not nothing",
            "direct passthroughs is ipv4 -A FORWARD -d 10.1.0.0/16 -j ACCEPT, not nothing",
            "zone public: ports is 8080/tcp after a reload",
            "policy pods is not there, and comes with a reload",
            "direct rules is ipv4 filter FORWARD 0 -s 10.1.0.0/16 -j ACCEPT until a reload",
            "direct rules is ipv4 filter INPUT 0 -s 10.1.0.0/16 -j ACCEPT after a reload",
        ];
        lab.run(&["--host", "rhel=customer"]).said(2, &also);
    });
}

/// `microk8s enable` ends before its pods are up.
async fn until_pods_run(host: &Host) {
    let line = "microk8s kubectl get pods -A -o json | grep -c '\"phase\": \"Running\"' || :";
    for _ in 0..120 {
        if host.sh(line).await.parse::<u32>().is_ok_and(|running| running >= 2) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    panic!("{}", host.sh("microk8s kubectl get pods -A -o json").await);
}

async fn zones(host: &Host) -> String {
    host.sh("firewall-cmd --list-all-zones; firewall-cmd --permanent --list-all-zones").await
}

fn same(before: &str, after: &str) {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let (before, after) = (lines(before), lines(after));
    let (more, less): (Vec<_>, Vec<_>) = (after.difference(&before).collect(), before.difference(&after).collect());
    assert!(more.is_empty() && less.is_empty(), "more: {more:#?}, less: {less:#?}");
}

fn as_installed(report: &Value) {
    assert_eq!((&report["run"]["provider"], &report["run"]["cluster"]), (&"ssh".into(), &"microk8s".into()));
    for (path, verdict, outcome) in [
        ("pod-to-pod-ip", "known", "rejected"),
        ("ingress-to-pod-ip", "known", "rejected"),
        ("pod-to-service", "pass", "ok"),
        ("outside-to-ingress", "skipped", "error"),
    ] {
        let case = case(report, "as-installed", path);
        let is = (&case["verdict"], case["outcome"].as_str().unwrap_or_default());
        assert_eq!(is, (&verdict.into(), outcome), "{case:#}");
    }
    assert_eq!(case(report, "as-installed", "pod-to-pod-ip")["cause"]["owner"], "firewalld zone public");
}

fn case<'a>(report: &'a Value, state: &str, path: &str) -> &'a Value {
    let id = format!("pod-ip-502::rhel-9.5::{state}::{path}");
    let cases = report["cases"].as_array().expect("cases");
    cases.iter().find(|case| case["id"] == id.as_str()).unwrap_or_else(|| panic!("no {id}"))
}
