//! `lab run` and `lab doctor` as a user runs them, in real namespaces.

mod doctor;
mod large;
mod leaves_nothing;
mod library;
mod lock;
mod long_runs;
mod main_job;
mod merging;
#[path = "../tiers/namespaces.rs"]
mod namespaces;
mod network;
mod nightly;
mod support;
#[path = "../tiers/mod.rs"]
mod tiers;

use std::{path::Path, process::ExitCode};

use self::{namespaces::no_namespaces, tiers::Tier};

fn main() -> ExitCode {
    let trials = [
        doctor::in_namespaces(),
        large::in_namespaces(),
        leaves_nothing::in_namespaces(),
        library::in_namespaces(),
        lock::in_namespaces(),
        long_runs::in_namespaces(),
        merging::in_namespaces(),
        main_job::in_namespaces(),
        network::in_namespaces(),
        nightly::in_namespaces(),
    ];
    let trials = trials.into_iter().flatten().collect();
    let netns = Tier { name: "netns", lacking: no_namespaces(), trials };
    let lacking = no_namespaces().or_else(no_ipv6);
    let ipv6 = Tier { name: "netns", lacking, trials: network::over_ipv6() };
    let trials = [lock::anywhere(), long_runs::anywhere(), merging::anywhere(), nightly::anywhere()]
        .into_iter()
        .flatten()
        .collect();
    let anywhere = Tier { name: "anywhere", lacking: None, trials };
    tiers::run(vec![netns, ipv6, anywhere])
}

/// What IPv6 paths lack.
fn no_ipv6() -> Option<String> {
    (!Path::new("/proc/net/if_inet6").exists()).then(|| "this kernel has no IPv6".to_owned())
}
