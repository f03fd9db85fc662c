//! Virtual machines and MicroK8s against stand-ins: `multipass`, and on its hosts `snap`, `microk8s` and the package
//! managers. They print what the real ones are documented to print, fail when a test orders it, and their hosts are
//! real: namespaces with a root file system of their own.
//!
//! Tier `libvirt`: needs root. Tier `kubernetes`: the binaries of Kubernetes, too, from the folder that `PATHLAB_KUBE_BIN`
//! names. Where a tier cannot run its tests are listed as ignored, with the reason.

mod cluster;
mod host;
mod instances;
#[path = "../kube_api/kubelet.rs"]
mod kubelet;
mod microk8s;
mod microk8s_failures;
mod multipass_failures;
mod programs;
#[path = "../tiers/mod.rs"]
mod tiers;

use std::{
    future::Future,
    process::{Command, ExitCode},
};

use tiers::Tier;

/// Set in the namespaces.
const INSIDE: &str = "PATHLAB_STAND_INS_INSIDE";

fn main() -> ExitCode {
    let lacking = lacking();
    let listing = std::env::args().any(|word| word == "--list");
    if lacking.is_none() && !listing && std::env::var_os(INSIDE).is_none() {
        return inside();
    }
    let trials = [
        instances::trials(),
        programs::trials(),
        microk8s::trials(),
        microk8s_failures::trials(),
        multipass_failures::trials(),
    ];
    tiers::run(vec![
        Tier { name: "libvirt", lacking: lacking.clone(), trials: trials.into_iter().flatten().collect() },
        Tier { name: "kubernetes", lacking: lacking.or_else(cluster::lacking), trials: cluster::trials() },
    ])
}

/// Runs this program again in namespaces of its own.
fn inside() -> ExitCode {
    let enter = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm_stand_ins/enter.sh");
    // All of it ends with this program, however that ends.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "-nmpf", "--mount-proc", "--kill-child"]);
    command.args(["--propagation", "private", "sh", enter]);
    match command.args(std::env::args_os()).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Why the tests cannot run here.
fn lacking() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    ["unshare", "nsenter", "setsid", "setpriv"]
        .into_iter()
        .find(|program| pathlab::provider::needs::find_program(program).is_none())
        .map(|program| format!("no {program}"))
}

/// Runs a test.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(test);
}
