//! `lab image` against a server of the test's own: what arrives well, what arrives badly, and what is left behind.
//!
//! A full disk is a small one in a user namespace, tier `netns`; the others run anywhere.

mod bench;
mod cache;
mod faults;
mod interrupted;
#[path = "../tiers/namespaces.rs"]
mod namespaces;
mod own;
mod red_hat;
mod room;
mod server;
#[path = "../tiers/mod.rs"]
mod tiers;

use std::process::ExitCode;

use self::tiers::Tier;

fn main() -> ExitCode {
    let everywhere = [cache::trials(), faults::trials(), interrupted::trials(), own::trials(), red_hat::trials()];
    tiers::run(vec![
        Tier { name: "everywhere", lacking: None, trials: everywhere.into_iter().flatten().collect() },
        Tier { name: "netns", lacking: namespaces::no_namespaces(), trials: room::trials() },
    ])
}
