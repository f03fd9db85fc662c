//! The ledger: what labs hold on this machine, written before it is created.
//!
//! Each lab has a folder `$XDG_STATE_HOME/pathlab/labs/NAME` (`~/.local/state` without that variable) with a
//! `ledger.json` and a file that its owner keeps locked for as long as it lives. A lab whose lock is free has
//! lost its owner, however that ended, and whoever takes the lock may take it down. Nothing is ever inferred
//! from names alone: what is not in a ledger is not ours.
//!
//! ```no_run
//! # async fn example(reaper: &dyn pathlab::ledger::Reaper) -> Result<(), Box<dyn std::error::Error>> {
//! use pathlab::ledger::{About, LabName, Ledger, Resource};
//!
//! let name: LabName = "demo".parse()?;
//! let entry = Ledger::open()?.create(&name, About::new("libvirt"))?;
//! let disk = Resource::Folder { path: "/var/tmp/demo".into() };
//! entry.will_create(&disk)?; // on disk before anything exists
//! std::fs::create_dir("/var/tmp/demo")?;
//! entry.created(&disk)?;
//! // … much later: the newest resource first, going on after an error, and saying what remains.
//! entry.take_down(reaper).await?;
//! # Ok(())
//! # }
//! ```

mod entry;
mod error;
mod lock;
mod name;
mod process;
mod reap;
mod record;
mod resource;
mod store;

pub use self::{
    entry::Entry,
    error::{LedgerError, Remains},
    name::{LabName, ParseNameError},
    process::ProcessId,
    reap::{ReapError, Reaper, remove_folder},
    record::{About, Held, Record, Stage, State},
    resource::Resource,
    store::Ledger,
};
