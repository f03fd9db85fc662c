//! Evidence of two machines that differ, collected, compared and packed.

use std::io::Read as _;

use camino::Utf8Path;
use flate2::read::GzDecoder;
use pathlab::{
    diagnose::{
        difference::differences,
        evidence::{Area, Evidence, Item, collect, standard, write},
    },
    model::{
        Relevance,
        report::{Cause, CauseKind},
    },
    provider::{Command, Machine},
};

use super::lab::{available, cluster::Cluster};

const SECRET: &str = "planted-hunter2-0123456789";

async fn evidence(cluster: &Cluster, machine: usize, distro: &str) -> Evidence {
    let mut items = standard();
    items.push(Item::log("calico-node", Command::new(["cat", "/run/calico.log"])));
    collect(&*cluster.machines[machine], distro, &items).await.expect("collected")
}

fn firewalld_public() -> Cause {
    Cause {
        kind: CauseKind::FirewallReject,
        table: Some("inet firewalld".to_owned()),
        chain: Some("filter_FWD_public".to_owned()),
        rule: Some("reject with icmpx admin-prohibited".to_owned()),
        owner: Some("firewalld zone public".to_owned()),
        summary: String::new(),
    }
}

#[tokio::test]
async fn two_machines_differ_where_they_were_made_to() {
    if !available() {
        return;
    }
    let cluster = Cluster::new(2).await;
    cluster.start_firewalld(0).await;
    cluster.machines[0].sh("echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter").await;
    cluster.machines[1].sh("echo 2 > /proc/sys/net/ipv4/conf/eth0/rp_filter").await;
    let log = format!(
        "level=info token={SECRET}\n-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----\n"
    );
    for (machine, text) in [(0, log.repeat(500)), (1, log.repeat(10))] {
        cluster.machines[machine].write_file("/run/calico.log".into(), text.as_bytes(), 0o600).await.expect("log");
    }
    let (rhel, ubuntu) = (evidence(&cluster, 0, "rhel-9.5").await, evidence(&cluster, 1, "ubuntu-22.04").await);
    assert!(rhel.text(Area::Nftables, "ruleset").is_some_and(|rules| rules.contains("filter_FWD_public")));

    let found = differences(&[rhel.clone(), ubuntu], &[&firewalld_public()], None);
    assert_eq!((found[0].area.as_str(), found[0].relevance), ("firewalld", Relevance::Cause));
    let of = |item: &str| found.iter().find(|one| one.item == item).unwrap_or_else(|| panic!("{item}: {found:#?}"));
    assert_eq!(of("default zone").values["rhel-9.5"], "public");
    assert_eq!(of("table inet firewalld").relevance, Relevance::Cause);
    assert_eq!(of("net.ipv4.conf.eth0.rp_filter").values["ubuntu-22.04"], "2");
    assert_eq!(of("calico-node: lines of log").values["rhel-9.5"], "1000");
    assert_eq!(of("calico-node: lines of log").values["ubuntu-22.04"], "20");

    let dir = tempfile::tempdir().expect("folder");
    let report = Utf8Path::from_path(dir.path()).expect("UTF-8");
    let file = write(&rhel, report, "rhel-9.5-node-1").expect("written");
    let packed = std::fs::read(report.join(&file.path)).expect("archive");
    let mut text = String::new();
    GzDecoder::new(packed.as_slice()).read_to_string(&mut text).expect("text");
    assert!(text.contains("manifest.json") && text.contains("firewalld/zones.txt"));
    assert!(!text.contains(SECRET), "a planted secret is in the archive");
}
