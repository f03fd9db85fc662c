//! Images of virtual machines: fetched, built, or the user's own, and proven to be the right ones before each use.
//!
//! [`Store`] is the folder that holds them. [`Store::checked`] is what a provider calls before it boots anything from
//! an image, [`fetch()`] and [`build()`] bring one there. An image stands in the store under its final name only when it
//! is whole and right: everything else happens in files of other names, one process at a time.

mod build;
mod error;
mod fetch;
mod own;
mod qcow2;
mod record;
mod red_hat;
mod store;
mod unpack;

pub use self::{
    build::build,
    error::{ImageError, Mismatch},
    fetch::{FetchOptions, Fetched, fetch},
    own::{OwnImages, variable as own_variable},
    qcow2::Qcow2Error,
    record::{Origin, Record},
    red_hat::{TOKEN_FILE_VARIABLE, TOKEN_VARIABLE},
    store::{BaseImage, State, Store},
};
pub use crate::download::{DownloadError, Progress, Sha256Digest};
