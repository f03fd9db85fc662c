//! From an image to the seed's verdicts, and to a machine without MicroK8s.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use camino::Utf8Path;
use libtest_mimic::Failed;
use pathlab::{
    catalog::{Catalog, distro::Hardware},
    cluster::{
        Cluster as _,
        microk8s::{Addon, Limits, Member, MicroK8s, MicroK8sOptions, Source},
    },
    model::{Outcome, Vantage},
    plan::{Remedies, Selection, plan},
    policy::{self, HostKind},
    probe::{aim, run_batch},
    provider::{Command, Machine, Provider as _, Wanted},
};

use super::{
    ensure,
    lab::{Lab, image, wanted},
};

/// One machine with RHEL's firewall; everything that it can show without a second host.
pub async fn the_seed_over_ssh() -> Result<(), Failed> {
    let lab = Lab::new("seed")?;
    let began = Instant::now();
    let hardware = Hardware { cpus: 2, memory_mib: 2560, disk_gib: 6 };
    let wanted = Wanted { image: image(), hardware, ..wanted("rhel") };
    let machines = lab.libvirt.create(Arc::clone(&lab.entry), &[wanted]).await?;
    let guest = &machines.all()[0];
    let machine: Arc<dyn Machine> = Arc::clone(guest) as _;
    println!("up: {:?}", began.elapsed());

    let mut catalog = Catalog::load(&Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    let scenario = catalog.scenario("pod-ip-502")?;
    let distro = Arc::clone(catalog.distros().named("rhel")?);
    policy::apply(&*machine, &distro.policy, HostKind::Whole).await?;
    let before = packages(&*machine).await?;
    let member = Member { machine: Arc::clone(&machine), ip: guest.address(), distro: Arc::clone(&distro) };
    let options = MicroK8sOptions {
        source: Source::Store { channel: "1.32/stable".to_owned(), revision: None },
        addons: vec![Addon::Dns, Addon::Ingress],
        epel: None,
        limits: Limits::default().patient(guest.patience()),
        outside: None,
    };
    let mut cluster = MicroK8s::new(vec![member], Arc::clone(&scenario), options);
    let step = Instant::now();
    if let Err(error) = cluster.start().await {
        return Err(format!("{error}\n{}", journal(&*machine).await).into());
    }
    println!("started: {:?}", step.elapsed());
    let step = Instant::now();
    if let Err(error) = cluster.deploy().await {
        return Err(format!("{error}\n{}", journal(&*machine).await).into());
    }
    println!("deployed: {:?}", step.elapsed());

    let selection = Selection { distros: vec![distro], remedies: Remedies::None, filters: Vec::new() };
    let plan = plan(std::slice::from_ref(&scenario), &selection)?;
    let mut seen = BTreeMap::new();
    // There is no host outside.
    for case in plan.clusters[0].cases.iter().filter(|case| case.spec.path.from != Vantage::Outside) {
        let probe = aim(&case.spec, &cluster.workload().addresses, 0, 20_000)?;
        let agent = &cluster.workload().agents[&case.spec.path.from];
        seen.insert(case.spec.path.to_string(), run_batch(agent, vec![probe]).await?[0].outcome);
    }
    for (path, outcome) in &seen {
        let expected = if ["pod-to-pod-ip", "ingress-to-pod-ip"].contains(&path.as_str()) {
            Outcome::Rejected
        } else {
            Outcome::Ok
        };
        ensure(*outcome == expected, || format!("{path}: {seen:?}"))?;
    }
    ensure(seen.len() == 6, || format!("{seen:?}"))?;

    let step = Instant::now();
    let failed = cluster.remove().await;
    ensure(failed.is_empty(), || format!("{failed:?}"))?;
    println!("removed: {:?}", step.elapsed());
    let after = packages(&*machine).await?;
    ensure(before == after, || format!("before: {before}, after: {after}"))?;
    drop((cluster, machine, machines));
    println!("all of it: {:?}", began.elapsed());
    lab.end().await
}

/// Packages, units and folders that there are.
async fn packages(machine: &dyn Machine) -> Result<String, Failed> {
    let line = "dpkg-query --show; ls /etc/systemd/system /var/snap /usr/local/sbin; ls -d /snap /var/lib/kubelet || :";
    let command = Command::shell(line);
    Ok(machine.run(&command).await?.success(machine.name(), &command)?.text())
}

/// What went on last.
async fn journal(machine: &dyn Machine) -> String {
    let command = Command::shell(
        "tail -n 5 /var/snap/microk8s/common/install.log; systemctl --no-pager --failed; \
         journalctl --no-pager --lines 60 --unit 'snap.microk8s.*' | cut -c1-300; free -m; uptime",
    );
    machine.run(&command).await.map(|output| output.text()).unwrap_or_default()
}
