//! Talking to a real API server, scheduler and controllers of Kubernetes 1.20; kubelets are played.
//!
//! Tier `kubernetes`: needs etcd and the binaries of Kubernetes, from the folder that `PATHLAB_KUBE_BIN` names, else from
//! where they are built to. Images are imported by a real containerd, which needs root.

mod enter;
mod images;
mod kubelet;
mod library;
mod machine;
mod refusals;
mod rollout;
mod servers;
mod workload;

#[path = "../tiers/namespaces.rs"]
mod namespaces;
#[path = "../tiers/mod.rs"]
#[expect(dead_code, reason = "tests that return results are made otherwise")]
mod tiers;

use std::{future::Future, process::ExitCode, time::Duration};

use libtest_mimic::{Failed, Trial};
use pathlab::cluster::kube::KubeApi;
use tokio::{runtime::Runtime, task::JoinHandle};

use self::{servers::Servers, tiers::Tier};

/// What two nodes may take to be ready on a busy machine.
const START: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let control_plane = vec![
        Trial::test("a_scenario_is_applied_read_back_and_deleted", || on(workload::whole_life)),
        Trial::test("all_manifests_of_the_library_are_taken", || on(library::all_are_taken)),
        Trial::test("refusals_name_the_manifest", || on(refusals::name_the_manifest)),
        Trial::test("what_is_not_the_labs_stays", || on(refusals::leave_others_alone)),
        Trial::test("pods_that_do_not_come_up_say_why", || on(rollout::say_why)),
        Trial::test("only_the_own_server_is_trusted", || on(refusals::trust_the_own_server)),
    ];
    let containerd = vec![
        Trial::test("containerd_imports_and_unpacks_images", images::import_and_unpack),
        Trial::test("an_agent_stands_in_the_pod", enter::an_agent_stands_in_the_pod),
    ];
    tiers::run(vec![
        Tier { name: "kubernetes", lacking: servers::missing(), trials: control_plane },
        Tier { name: "kubernetes", lacking: images::missing(), trials: containerd },
    ])
}

/// A cluster of two nodes whose kubelets are played.
pub struct Cluster {
    /// Its control plane.
    pub servers: Servers,
    /// Its API.
    pub api: KubeApi,
    /// Names of its nodes.
    pub nodes: Vec<String>,
    kubelets: JoinHandle<()>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kubelets.abort();
    }
}

/// Runs a test on a cluster of its own.
fn on<F: Future<Output = Result<(), Failed>>>(test: impl FnOnce(Cluster) -> F) -> Result<(), Failed> {
    let servers = Servers::start()?;
    Runtime::new()?.block_on(async move {
        let api = servers.api().await?;
        kubelet::register(api.client(), 2).await?;
        let kubelets = tokio::spawn(kubelet::work(api.client().clone()));
        let nodes = vec!["node-1".to_owned(), "node-2".to_owned()];
        api.nodes_ready(&nodes, START).await?;
        test(Cluster { servers, api, nodes, kubelets }).await
    })
}

/// Fails with `message` unless `truth`.
fn ensure(truth: bool, message: impl FnOnce() -> String) -> Result<(), Failed> {
    if truth { Ok(()) } else { Err(message().into()) }
}
