//! Talking to a real API server, scheduler and controllers of Kubernetes 1.20; kubelets are played.
//!
//! Tier `kubernetes`: needs etcd and the binaries of Kubernetes, from the folder that `PATHLAB_KUBE_BIN` names. Images are
//! imported by a real containerd. Where a test cannot run it is listed as ignored, with the reason, and fails if
//! `PATHLAB_REQUIRE` names the tier.

mod images;
mod kubelet;
mod library;
mod machine;
mod refusals;
mod rollout;
mod servers;
mod workload;

use std::{future::Future, process::ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use pathlab::cluster::kube::KubeApi;
use tokio::{runtime::Runtime, task::JoinHandle};

use self::servers::Servers;

const TIER: &str = "kubernetes";

fn main() -> ExitCode {
    let control_plane = servers::missing();
    let containerd = images::missing();
    let mut trials = vec![
        trial("a_scenario_is_applied_read_back_and_deleted", control_plane.as_deref(), || on(workload::whole_life)),
        trial("all_manifests_of_the_library_are_taken", control_plane.as_deref(), || on(library::all_are_taken)),
        trial("refusals_name_the_manifest", control_plane.as_deref(), || on(refusals::name_the_manifest)),
        trial("what_is_not_the_labs_stays", control_plane.as_deref(), || on(refusals::leave_others_alone)),
        trial("pods_that_do_not_come_up_say_why", control_plane.as_deref(), || on(rollout::say_why)),
        trial("only_the_own_server_is_trusted", control_plane.as_deref(), || on(refusals::trust_the_own_server)),
    ];
    trials.extend(images::tests().map(|(name, test)| trial(name, containerd.as_deref(), test)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test, or the reason why it cannot run.
fn trial(name: &str, missing: Option<&str>, test: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    let required = std::env::var("PATHLAB_REQUIRE").unwrap_or_default().split(',').any(|tier| tier.trim() == TIER);
    match missing.map(str::to_owned) {
        None => Trial::test(name, test),
        Some(reason) if required => Trial::test(name, move || Err(reason.into())),
        Some(reason) => Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true),
    }
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
        api.nodes_ready(&nodes, std::time::Duration::from_secs(60)).await?;
        test(Cluster { servers, api, nodes, kubelets }).await
    })
}

/// Fails with `message` unless `truth`.
fn ensure(truth: bool, message: impl FnOnce() -> String) -> Result<(), Failed> {
    if truth { Ok(()) } else { Err(message().into()) }
}
