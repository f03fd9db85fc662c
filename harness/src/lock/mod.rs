//! `pathlab.lock`: what decided a run and is not in the repository, so that another run can insist on the same.
//!
//! Scenarios and host policies are under version control; the images of machines, and the kernel, firewall and cluster
//! that are installed where a lab runs, are not. [`Used`] is what a run used of these; [`LockFile`] holds what was used
//! when somebody said so, and tells every difference.

mod difference;
mod file;
mod used;

pub use self::{
    difference::{LockDifference, LockError},
    file::{LOCK_FORMAT, LockFile, LockedDistro, LockedLab, Versions},
    used::Used,
};
