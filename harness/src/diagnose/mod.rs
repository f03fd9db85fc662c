//! Root cause: why a failing case ends as it does, by evidence.
//!
//! [`explain`] repeats the failing probes while every machine traces them, and derives one [`Cause`] per case from
//! what was seen. [`group`] puts cases with the same cause together.
//!
//! [`Cause`]: crate::model::report::Cause

pub mod cause;
pub mod context;
pub mod difference;
pub mod evidence;
mod explain;
pub mod hook;
pub mod session;
pub mod state;
pub mod trace;

pub use self::{
    cause::{SharedCause, group},
    context::{CaseContext, NameServer, PodEndpoint, Source, Transport},
    explain::{Explanation, explain},
    session::{Again, Reprobe},
};

/// Name of the nftables table (family `inet`) that marks packets for tracing. No other table is ever touched.
pub const TRACE_TABLE: &str = "pathlab_trace";
