//! Downloads of large files: resumed, checked while they arrive, and never under their final name before they are whole
//! and right.
//!
//! What is downloaded (images, snaps) and where it is published is known to others; [`download`] brings one file whose
//! sum is known, [`Turn`] has one process at a time do so, and [`place`] gives finished files their names.

pub(crate) mod client;
mod error;
mod hasher;
mod kind;
mod part;
pub(crate) mod place;
mod places;
mod progress;
mod sha256;
mod sum;
mod transfer;
mod turn;
pub(crate) mod words;

pub use self::{error::DownloadError, progress::Progress, sha256::Sha256Digest};
pub(crate) use self::{
    kind::{Kind, SAMPLE},
    part::Part,
    places::download,
    sum::{Sha3Digest, Sum},
    transfer::Wanted,
    turn::{Turn, need_room},
};
