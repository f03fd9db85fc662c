//! Exit statuses, a stable part of the command line.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything as expected.
    AsExpected = 0,
    /// A case failed, was fixed, or is flaky.
    Changed = 1,
    /// Bad arguments or files.
    BadInput = 2,
    /// The lab could not be built, or broke.
    LabBroken = 3,
    /// Interrupted, after clean-up.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
