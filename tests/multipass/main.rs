//! `lab run` and `lab up --provider multipass`: the `multipass` command is a stand-in that prints what the documented one
//! prints (`tests/vm_stand_ins/multipass`), its instances are namespaces with a root file system, a D-Bus and a firewalld of
//! their own, and the snap MicroK8s in them is the stand-in that really starts Kubernetes
//! (`tests/microk8s_stand_in/mod.rs`).
//!
//! Tier `libvirt`: needs root. Tier `kubernetes`: also the programs of `just kube-binaries`.

#[expect(dead_code, reason = "these hosts are made by the stand-in")]
#[path = "../microk8s_over_ssh/host.rs"]
mod host;
#[expect(dead_code, reason = "tests here run programs, and nothing asynchronous")]
#[path = "../tiers/inside.rs"]
mod inside;
mod lab;
mod refused;
mod restarts;
mod seed;
#[expect(dead_code, reason = "not all of the bundle is asked for here")]
#[path = "../microk8s_stand_in/mod.rs"]
mod stand_in;
mod stays;
#[path = "../tiers/mod.rs"]
mod tiers;

use std::{path::Path, process::ExitCode};

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
        return host::enter("multipass/enter.sh");
    }
    let whole = lacking.clone().or_else(Bundle::lacking);
    tiers::run(vec![
        Tier { name: "libvirt", lacking, trials: refused::trials() },
        Tier {
            name: "kubernetes",
            lacking: whole,
            trials: [seed::trials(), stays::trials(), restarts::trials()].into_iter().flatten().collect(),
        },
    ])
}

/// Why the tests cannot run here.
fn lacking() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    let needed = ["/dev/kvm", "/usr/bin/qemu-img", "/usr/bin/sudo", "/usr/sbin/firewalld", "/usr/bin/dbus-daemon"];
    needed.into_iter().find(|path| !Path::new(path).exists()).map(|path| format!("there is no {path}"))
}
