//! Labs that stay up.
//!
//! Each has a keeper: a process of its own that owns what was made, and answers on a unix socket in the lab's folder
//! of the [ledger](crate::ledger). A namespace lab ends with its keeper, however that ends. The other side of the
//! socket is [`Lab`], whose machines and clusters are [`Machine`](crate::provider::Machine)s and
//! [`Cluster`](crate::cluster::Cluster)s like any other, so that whatever works on them works on a lab that is up.

mod answer;
mod claim;
mod cluster;
mod described;
mod error;
mod house;
pub mod keeper;
mod machine;
mod open;
mod place;
mod protocol;
mod reaper;
mod socket;
mod start;

pub use self::{
    claim::{claim, claim_lost},
    described::{ClusterView, Described, MachineView},
    error::LabError,
    open::{Lab, unknown},
    place::{Found, PlaceError},
    reaper::OwnReaper,
    start::{StartError, Starting, start},
};
