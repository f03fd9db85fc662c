//! Tracing for real: marks packets in a table of our own, listens on every machine, repeats the probes.

mod leg;
mod listener;
mod mark;
mod netlink;
mod reprobe;
mod run;

pub use self::{
    leg::{Leg, LegKind, Selector, legs},
    mark::{Subject, Tag, Way, size, table},
    reprobe::{Again, Reprobe},
    run::{Recording, TraceGap, on_all, record},
};
