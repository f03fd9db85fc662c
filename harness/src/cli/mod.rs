//! The commands of `lab`, one file each, and what they share.

pub mod args;
pub mod baseline;
pub mod ci_matrix;
pub mod completions;
pub mod doctor;
pub mod existing;
pub mod exit;
pub mod explain;
pub mod failure;
pub mod history;
pub mod image;
pub mod lab_args;
pub mod labs;
pub mod library;
pub mod list;
mod lock;
pub mod merge;
pub mod new;
pub mod plan;
pub mod report;
pub mod run;
pub mod schema;
pub mod select;
mod table;
mod times;
mod wait;
mod whole;
