//! Labs that stay up, as a user has them: made, entered, tried, ended, and killed.

mod commands;
mod kills;
#[path = "../tiers/namespaces.rs"]
mod namespaces;
mod refusals;
mod several;
mod shell;
mod support;
#[path = "../tiers/mod.rs"]
mod tiers;

use std::process::ExitCode;

use self::{namespaces::no_namespaces, tiers::Tier};

fn main() -> ExitCode {
    let trials = [
        commands::in_namespaces(),
        kills::in_namespaces(),
        refusals::in_namespaces(),
        several::in_namespaces(),
        shell::in_namespaces(),
    ];
    let trials = trials.into_iter().flatten().collect();
    let netns = Tier { name: "netns", lacking: no_namespaces(), trials };
    let trials = refusals::anywhere();
    tiers::run(vec![netns, Tier { name: "everywhere", lacking: None, trials }])
}
