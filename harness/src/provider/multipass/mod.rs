//! Machines by Multipass: the `multipass` command as a program, its JSON, and instances as machines.
//!
//! Everything goes through the command: making instances, running programs in them (`process`), files, streams and
//! snapshots. What it prints is read by the pure parsers of [`answers`].

mod able;
pub mod answers;
mod client;
mod cloud_init;
mod error;
mod launch;
mod life;
mod machine;
mod process;
mod state;

pub use self::{
    client::Multipass,
    error::MultipassError,
    launch::{InstanceImage, LaunchSpec},
    machine::MultipassMachine,
    state::InstanceState,
};
