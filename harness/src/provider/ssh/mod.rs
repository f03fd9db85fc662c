//! Machines that are reached over SSH: virtual machines, and hosts that exist already.
//!
//! One connection per machine carries everything (OpenSSH's multiplexing, by the `openssh` crate): commands, files
//! and streams to unix sockets. It is made when it is needed and made again when it broke; what was under way when
//! it broke is [`MachineError::Lost`](super::MachineError::Lost), never a failing command.

mod boot;
mod connection;
mod destination;
mod folder;
mod forward;
mod heard;
mod keys;
mod machine;
mod marks;
mod own;
mod process;
mod reach;
mod remote;
mod session;
mod target;

pub use self::{
    boot::BootId,
    destination::{Destination, DestinationError},
    keys::{KeyError, KeyPair},
    machine::SshMachine,
    own::{ConfigurationError, OwnTarget},
    reach::Reach,
    target::{SshTarget, known_host},
};
// Programs in machines without a connection of ours run in the same script, with the same marks.
pub(in crate::provider) use self::{
    heard::{CUT_OFF, Heard, Waited},
    marks::Mark,
    process::token,
    remote::{kill_as_root, run_as_root},
    session::session_line,
};
