//! The texts that a report becomes, from sample reports.

mod files;
mod html;
mod json;
mod junit;
mod merge;
mod nightly;
mod sample;
mod terminal;
