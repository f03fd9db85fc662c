//! MicroK8s over SSH, from bare hosts to verdicts: the product's own code with a stand-in for the snap that really starts
//! Kubernetes (what of it is real, and what is played, is said in `tests/microk8s_stand_in/mod.rs`).
//!
//! Hosts are namespaces with a root file system, an sshd and a firewalld of their own, at a bridge without uplink. One
//! test uses an emulated Debian machine; it runs where `PATHLAB_STAND_IN_GUEST` is set, as it takes a quarter of an hour.
//!
//! Tier `kubernetes`: needs root, the programs of `just kube-binaries`, the packages of the groups `kubernetes` and
//! `machines`.

mod found;
mod host;
#[expect(dead_code, reason = "tests here end by panics")]
#[path = "../tiers/inside.rs"]
mod inside;
mod probes;
mod seed;
mod several;
#[expect(dead_code, reason = "shared, and nobody needs all of it")]
#[path = "../microk8s_stand_in/mod.rs"]
mod stand_in;
#[path = "../tiers/mod.rs"]
mod tiers;

use std::{future::Future, process::ExitCode};

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
    let trials = [seed::trials(), several::trials()].into_iter().flatten().collect();
    tiers::run(vec![Tier { name: "kubernetes", lacking, trials }])
}

/// Why the tests cannot run here.
fn lacking() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    let programs = ["/usr/sbin/sshd", "/usr/bin/ssh", "/usr/sbin/firewalld", "/usr/bin/dbus-daemon"];
    let missing = programs.into_iter().find(|path| !std::path::Path::new(path).exists());
    Bundle::lacking().or_else(|| missing.map(|path| format!("there is no {path}")))
}

/// Runs a test.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(test);
}
