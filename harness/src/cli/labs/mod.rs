//! Commands for labs that stay up.

mod asked;
pub mod down;
pub mod enter;
pub mod gc;
mod session;
pub mod status;
pub mod test;
pub mod up;

pub use self::asked::planned;
pub(super) use self::{
    asked::Asked,
    up::{Unmade, make, ways_in},
};
use super::{
    failure::Failure,
    wait::{runtime, wait},
};
use crate::{
    lab::{Lab, LabError},
    ledger::Ledger,
};

/// The lab of this name, which must be up.
pub(super) async fn open(name: &str) -> Result<Lab, Failure> {
    let ledger = Ledger::open().map_err(Failure::lab)?;
    Lab::open(&ledger, name).await.map_err(refused)
}

/// A name that is no lab's is a bad argument; a lab that does not answer is a broken one.
fn refused(error: LabError) -> Failure {
    if matches!(error, LabError::Unknown { .. }) { Failure::input(error) } else { Failure::lab(error) }
}
