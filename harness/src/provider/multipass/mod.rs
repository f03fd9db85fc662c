//! The `multipass` provider: the `multipass` command as a program, its JSON, and instances as machines.
//!
//! Everything goes through the command: making instances, running programs in them (`process`), files, streams and
//! snapshots. What it prints is read by the pure parsers of [`answers`].

mod able;
pub mod answers;
mod client;
mod cloud_init;
mod create;
mod error;
mod lab;
mod launch;
mod lend;
mod life;
mod machine;
mod names;
mod process;
mod session;
mod state;

pub use self::{
    client::{CallLimits, Multipass},
    create::MultipassProvider,
    error::MultipassError,
    launch::LaunchSpec,
    machine::MultipassMachine,
    state::InstanceState,
};
