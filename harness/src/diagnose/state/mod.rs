//! What a machine's kernel says about itself: counters, rules, routes, interfaces, settings.

mod counters;
mod legacy;
mod machine;
mod route;
mod rule;
mod ruleset;
mod save;

pub use self::{
    counters::Counters,
    legacy::{LegacyCounters, LegacyRule},
    machine::{Link, MachineState, Neighbour},
    route::{Route, RouteAnswer, RouteQuery, ask as ask_routes},
    rule::RoutingRule,
    ruleset::{Chain, Ruleset, without_counters},
    save::SavedRules,
};
