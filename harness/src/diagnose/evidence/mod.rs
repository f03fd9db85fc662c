//! The evidence of one machine: the same set everywhere, without secrets, as one archive.

mod bundle;
mod collect;
mod item;
mod redact;

pub use self::{
    bundle::{BundleError, write},
    collect::{Collected, Evidence, collect},
    item::{Area, Item, standard},
    redact::redact,
};
