//! Pathlab: the same Kubernetes workload on different Linux distributions, every way of reaching it,
//! which rule on the host breaks a way, and which remedy really repairs it.
//!
//! Data flows one way: [`catalog`] → [`plan`] → provider → host policy → cluster → deploy → probe →
//! verdict → diagnose → report. The result [`model`] is what the report depends on.

pub mod agent_binary;
pub mod baseline;
pub mod catalog;
pub mod causes;
pub mod cli;
pub mod cluster;
pub mod diagnose;
pub mod download;
pub mod events;
pub mod folders;
pub mod hex;
pub mod history;
pub mod image;
pub mod lab;
pub mod ledger;
pub mod lock;
pub mod model;
pub mod plan;
pub mod policy;
pub mod probe;
pub mod provider;
pub mod report;
pub mod run;
pub mod runtime;
pub mod schema;
pub mod snap_store;
pub mod suggest;
pub mod verdict;
pub mod whole_file;
