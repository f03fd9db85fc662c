//! What a machine's kernel says about itself: counters, rules, routes, interfaces, settings.

mod counters;
mod legacy;
mod machine;
mod route;
mod ruleset;
mod save;

pub use self::{
    counters::Counters,
    legacy::{LegacyCounters, LegacyRule},
    machine::{Link, MachineState},
    route::{Route, RouteAnswer, RouteQuery, ask as ask_routes},
    ruleset::{Chain, Ruleset, without_counters},
    save::SavedRules,
};
