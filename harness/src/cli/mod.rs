//! The commands of `lab`, one file each, and what they share.

pub mod args;
pub mod baseline;
pub mod completions;
pub mod doctor;
pub mod exit;
pub mod explain;
pub mod failure;
pub mod labs;
pub mod library;
pub mod list;
pub mod new;
pub mod plan;
pub mod report;
pub mod run;
pub mod schema;
pub mod select;
mod table;
