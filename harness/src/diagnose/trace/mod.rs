//! What `nft monitor trace` prints, as data.

mod header;
mod parse;
mod passage;
mod step;

pub use self::{
    header::{Header, Protocol},
    parse::{Transcript, parse},
    passage::{End, Passage, Stop, passages},
    step::{StepKind, TraceStep, Verdict},
};
