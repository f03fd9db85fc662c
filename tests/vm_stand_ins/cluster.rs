//! The whole cluster: the stand-ins start a real API server, scheduler and controllers of Kubernetes; kubelets are
//! played. Installed, deployed to, looked at by agents, and taken away again, all through `multipass exec`.

use std::{sync::Arc, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use lab_agent::protocol::{Endpoint, Probe, ProbeKind};
use libtest_mimic::Trial;
use pathlab::{
    catalog::{
        Catalog,
        scenario::{Backend, Manifest},
    },
    cluster::{
        Cluster as _,
        kube::{KubeAccess, KubeApi, MachineDial},
        kubernetes::programs,
        microk8s::{self, Added, Addon, Limits, Member, MicroK8s, MicroK8sOptions, Node},
    },
    model::{Outcome, Vantage},
    probe::run_batch,
    provider::multipass::MultipassMachine,
};

use crate::{
    host::{Host, multipass},
    kubelet,
    microk8s::{limits, store},
    run,
};

pub fn trials() -> Vec<Trial> {
    crate::trials![a_scenario_is_deployed_and_everything_taken_away]
}

/// Of Kubernetes, what the stand-ins start.
const PROGRAMS: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// A pod with a name that is known before, its service, and nothing else.
const ZEUS: &str = "\
apiVersion: v1
kind: Pod
metadata: { name: zeus, namespace: default, labels: { app: zeus } }
spec: { containers: [{ name: zeus, image: pathlab/agent:1, ports: [{ containerPort: 8080 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: zeus, namespace: default }
spec: { selector: { app: zeus }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
";

fn binaries() -> Utf8PathBuf {
    let named = std::env::var("PATHLAB_KUBE_BIN").ok();
    programs::folder(named.as_deref().map(Utf8Path::new)).unwrap_or_default()
}

/// Why no control plane can run here.
pub fn lacking() -> Option<String> {
    let folder = binaries();
    if let Some(program) = PROGRAMS.iter().find(|program| !folder.join(program).is_file()) {
        return Some(format!("{folder} has no {program}; PATHLAB_KUBE_BIN names another folder"));
    }
    let program = ["etcd", "openssl"].into_iter().find(|name| pathlab::provider::needs::find_program(name).is_none());
    program.map(|program| format!("there is no {program}"))
}

/// Plays the kubelet of the only node, from the moment that there is an API.
async fn play_kubelet(machine: Arc<MultipassMachine>) {
    let limits = limits();
    let api = loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let Ok(config) = microk8s::kubeconfig(Node::new(&*machine, &limits)).await else { continue };
        let dial = Arc::new(MachineDial { machine: Arc::clone(&machine) as _, socket: "/run/pathlab/api.sock".into() });
        let Ok(access) = KubeAccess::from_kubeconfig(config.expose(), dial).await else { continue };
        if let Ok(api) = KubeApi::connect(access, Duration::from_secs(30)).await {
            break api;
        }
    };
    kubelet::register(api.client(), 1).await.expect("registered");
    kubelet::work(api.client().clone()).await;
}

fn a_scenario_is_deployed_and_everything_taken_away() {
    run(async {
        let host = Host::launch("node-1").await;
        // The container of the backend pod, as far as containerd knows it: a process in a network of its own.
        host.sh(&format!(
            "mkdir -p /var/lib/stand-in; echo {} >/var/lib/stand-in/kube; echo 192.0.2.11 >/var/lib/stand-in/address
             setsid unshare --net sleep 3600 </dev/null >/dev/null 2>&1 & echo \"zeus-zeus $! RUNNING\" >/var/lib/stand-in/tasks",
            binaries()
        ))
        .await;
        let machine = Arc::new(multipass().machine("node-1", "node-1").await.expect("runs"));
        let kubelet = tokio::spawn(play_kubelet(Arc::clone(&machine)));

        let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut catalog = Catalog::load(&root).expect("the library");
        let mut scenario = (*catalog.scenario("pod-ip-502").expect("the seed")).clone();
        scenario.backend = Backend { service: "zeus".to_owned(), namespace: "default".to_owned() };
        scenario.manifests = vec![Manifest { path: "zeus.yaml".into(), text: ZEUS.into(), sha256: String::new() }];
        let distro = Arc::clone(catalog.distros().named("rhel").expect("there"));
        let member = Member { machine, ip: "192.0.2.11".parse().expect("an address"), distro };
        let options = MicroK8sOptions {
            source: store(),
            addons: vec![Addon::Dns],
            epel: None,
            limits: Limits { ready: Duration::from_secs(180), ..limits() },
            outside: None,
        };
        let mut cluster = MicroK8s::new(vec![member], Arc::new(scenario), options);
        cluster.start().await.expect("started");
        cluster.deploy().await.expect("deployed");

        let workload = cluster.workload();
        assert_eq!(workload.addresses.pods[0].name, "zeus");
        let vantages: Vec<Vantage> = workload.agents.keys().copied().collect();
        assert_eq!(vantages, [Vantage::Node, Vantage::Pod, Vantage::Backend]);
        assert_eq!(reaches_api(&cluster, Vantage::Node).await, Outcome::Ok);
        // Another network: nothing is there.
        assert_ne!(reaches_api(&cluster, Vantage::Backend).await, Outcome::Ok);

        let added = cluster.added()[0].clone();
        assert!(added.contains(&Added::Snap("microk8s".to_owned())) && added.contains(&Added::Addon("dns".to_owned())));
        let failed = cluster.remove().await;
        assert!(failed.is_empty(), "{failed:?}");
        kubelet.abort();
        let left = "ls -d /snap /var/snap/microk8s /var/lib/pathlab /run/pathlab 2>/dev/null || echo gone; ls /var/lib/stand-in/packages | wc -l; pgrep -c lab-agent || :";
        assert_eq!(host.sh(left).await, "gone\n0\n0");
    });
}

async fn reaches_api(cluster: &MicroK8s, vantage: Vantage) -> Outcome {
    let probe = Probe {
        id: 0,
        kind: ProbeKind::Connect { to: Endpoint { host: "127.0.0.1".to_owned(), port: 16443 } },
        timeout_ms: 2000,
        expected_pods: Vec::new(),
        repeat: 1,
        ipv6: false,
        source_port: None,
    };
    let results = run_batch(&cluster.workload().agents[&vantage], vec![probe]).await.expect("the agent answers");
    results[0].outcome
}
