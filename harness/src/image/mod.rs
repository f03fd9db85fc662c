//! Images of virtual machines: fetched, built, or the user's own, and proven to be the right ones before each use.
//!
//! [`Store`] is the folder that holds them. [`Store::checked`] is what a provider calls before it boots anything from
//! an image, [`fetch()`] and [`build()`] bring one there. An image stands in the store under its final name only when it
//! is whole and right: everything else happens in files of other names, one process at a time.

mod build;
mod client;
mod digest;
mod download;
mod error;
mod fetch;
mod kind;
mod own;
mod part;
mod place;
mod progress;
mod qcow2;
mod record;
mod red_hat;
mod store;
mod transfer;
mod turn;
mod unpack;
mod words;

pub use self::{
    build::build,
    digest::Sha256Digest,
    error::{ImageError, Mismatch},
    fetch::{FetchOptions, Fetched, fetch},
    own::{OwnImages, variable as own_variable},
    progress::Progress,
    qcow2::Qcow2Error,
    record::{Origin, Record},
    red_hat::{TOKEN_FILE_VARIABLE, TOKEN_VARIABLE},
    store::{BaseImage, State, Store},
};
