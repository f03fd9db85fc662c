//! The cases of a lab that is up as tests: `PATHLAB_LAB=NAME cargo nextest run --test matrix`, one process per case.
//!
//! Without `PATHLAB_LAB` there are no cases.

use std::{
    env,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

fn main() -> ExitCode {
    let Some(lab) = env::var_os("PATHLAB_LAB") else {
        // Not to standard output, where test runners read the names of tests.
        eprintln!("no cases: PATHLAB_LAB names no lab that is up");
        return ExitCode::SUCCESS;
    };
    let error = Command::new(env!("CARGO_BIN_EXE_lab")).arg("test").arg(lab).args(env::args_os().skip(1)).exec();
    eprintln!("failed to start lab: {error}");
    ExitCode::FAILURE
}
