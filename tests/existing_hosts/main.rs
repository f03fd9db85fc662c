//! `lab run --provider ssh` against hosts that exist: namespaces with a root file system, an sshd and a firewalld of
//! their own, and a stand-in for the snap MicroK8s that really starts Kubernetes.
//!
//! Tier `libvirt`: needs root, sshd and sudo. Tier `kubernetes`: also the programs of `just kube-binaries`.

#[path = "../microk8s_over_ssh/found.rs"]
mod found;
#[path = "../microk8s_over_ssh/host.rs"]
mod host;
#[expect(dead_code, reason = "tests here end by panics")]
#[path = "../tiers/inside.rs"]
mod inside;
mod killed;
mod lab;
mod present;
mod refused;
mod seed;
#[expect(dead_code, reason = "not all of the bundle is asked for here")]
#[path = "../microk8s_stand_in/mod.rs"]
mod stand_in;
#[path = "../tiers/mod.rs"]
mod tiers;

use std::{future::Future, path::Path, process::ExitCode};

use self::{stand_in::Bundle, tiers::Tier};

/// Set in the namespaces, to the name of their control group.
const INSIDE: &str = "PATHLAB_OVER_SSH_INSIDE";

fn main() -> ExitCode {
    if let Some(code) = stand_in::role() {
        return code;
    }
    let lacking = lacking();
    let listing = std::env::args().any(|word| word == "--list");
    if lacking.is_none() && !listing && std::env::var_os(INSIDE).is_none() {
        return host::enter("microk8s_over_ssh/enter.sh");
    }
    let whole = lacking.clone().or_else(Bundle::lacking);
    tiers::run(vec![
        Tier { name: "libvirt", lacking, trials: refused::trials() },
        Tier {
            name: "kubernetes",
            lacking: whole,
            trials: [seed::trials(), present::trials(), killed::trials()].into_iter().flatten().collect(),
        },
    ])
}

/// Why the tests cannot run here.
fn lacking() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    let programs = ["/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/sudo", "/usr/sbin/firewalld", "/usr/bin/dbus-daemon"];
    programs.into_iter().find(|path| !Path::new(path).exists()).map(|path| format!("there is no {path}"))
}

/// Runs a test.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(test);
}
