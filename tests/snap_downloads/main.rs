//! `--download-snaps` against a snap store of the test's own: what arrives well, what arrives badly, and what is left
//! behind.

mod faults;
mod kept;
mod program;
#[path = "../images/server.rs"]
mod server;
mod store;
#[path = "../tiers/mod.rs"]
mod tiers;

use std::process::ExitCode;

use self::tiers::Tier;

fn main() -> ExitCode {
    let everywhere = [kept::trials(), faults::trials(), program::trials()];
    let trials = everywhere.into_iter().flatten().collect();
    tiers::run(vec![Tier { name: "everywhere", lacking: None, trials }])
}
