//! `lab completions`: the completion script of a shell.

use std::io::Write;

use clap::CommandFactory;

use super::{
    args::{Cli, CompletionsArgs},
    failure::Failure,
};

/// Prints the script.
pub fn run(args: &CompletionsArgs, out: &mut dyn Write) -> Result<(), Failure> {
    // The generator panics when it cannot write, so it writes into memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lab", &mut script);
    out.write_all(&script)?;
    Ok(())
}
