//! Hosts that exist already: somebody's, reached as its owner reaches it, looked at before anything is done, and left as
//! they were found.
//!
//! What is added to a host stands in the ledger before it is there, with the command that takes it away again: the end of
//! a run, an error, Ctrl-C and `lab gc` all remove it the same way, and only on a host that still carries the lab's claim.

mod argument;
mod facts;
mod found;
mod host;
mod os_release;
mod removal;

pub use self::{
    argument::{HostArgument, HostArgumentError},
    facts::Facts,
    found::{ExistingError, find},
    host::ExistingHost,
    os_release::{Likeness, OsRelease},
    removal::{CLAIM, claim, reap, remove},
};
