//! From evidence to a cause. Pure: nothing here touches a machine.

mod derive;
mod evidence;
mod finding;
mod firewall;
mod flow;
mod group;
mod link;
mod mtu;
mod owner;
mod place;
mod routing;
mod rule;
mod translation;
mod tunnel;
mod way;

pub use self::{
    derive::{Derived, derive},
    evidence::{CaseEvidence, MachineEvidence, reverse_queries, route_queries},
    group::{SharedCause, group},
    owner::owner,
    place::Place,
};
