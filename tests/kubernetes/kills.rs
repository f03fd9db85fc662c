//! A component that is killed in the middle of a run: recovery or a clear error, and nothing is left behind.

use std::{thread::sleep, time::Duration};

use libtest_mimic::Trial;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{leaves_nothing::Started, trials};

pub fn trials() -> Vec<Trial> {
    trials![the_kubelet, the_proxy, the_api_server, every_api_server_while_a_remedy_is_applied]
}

/// Nothing comes of waiting for its node, and nobody does.
fn the_kubelet() {
    let said = killed("kubelet");
    assert!(said.contains("kubelet on ") && said.contains(" has ended; it printed last: "), "{said}");
}

fn the_proxy() {
    killed("kube-proxy");
}

fn the_api_server() {
    killed("kube-apiserver");
}

/// At that time one cluster is probed or ends, and the other one's rules have yet to be written again.
fn every_api_server_while_a_remedy_is_applied() {
    let mut lab = Started::of(&["rhel", "--remedy", "trusted-source"]);
    lab.wait_for_phase("remedy");
    let servers = Started::running("kube-apiserver");
    assert!(!servers.is_empty(), "no API server runs");
    for server in servers {
        // Its cluster may have ended just now.
        kill(Pid::from_raw(server), Signal::SIGKILL).ok();
    }
    check(lab, "kube-apiserver");
}

fn killed(program: &str) -> String {
    let mut lab = Started::new();
    // When the kubelet runs, everything has been started.
    lab.wait_for("kubelet");
    sleep(Duration::from_secs(2));
    let victim = lab.wait_for(program);
    kill(Pid::from_raw(victim), Signal::SIGKILL).expect("it runs");
    check(lab, program)
}

/// Recovery, or an error with its reason.
fn check(mut lab: Started, program: &str) -> String {
    let (status, said) = lab.end();
    assert!(status == 0 || status == 3, "{program}: status {status}: {said}");
    if status == 3 {
        assert!(said.contains("error, expected ok:"), "{program}: no reason is given: {said}");
    }
    lab.leaves_nothing();
    said
}
