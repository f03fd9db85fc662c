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
mod routing;
mod translation;
mod tunnel;
mod way;

pub use self::{
    derive::derive,
    evidence::{CaseEvidence, MachineEvidence, route_queries},
    group::{SharedCause, group},
    owner::owner,
};
