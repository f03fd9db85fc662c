//! `lab`: parses the command line, runs one command, ends with its exit status.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser;
use pathlab::{
    cli::{
        args::{Cli, Command},
        baseline, ci_matrix, completions, doctor,
        exit::Exit,
        explain,
        failure::Failure,
        history, image, labs, list, new, plan, report, run, schema,
    },
    cluster::kubernetes::{cni, kubectl},
    lab::keeper,
    provider::netns::{self, systemctl},
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    netns::enter_if_asked();
    if let Some(arguments) = systemctl::asked() {
        return systemctl::run(&arguments);
    }
    if cni::asked() {
        return cni::run();
    }
    if let Some(arguments) = kubectl::asked() {
        return kubectl::run(&arguments);
    }
    if let Some(folder) = keeper::asked() {
        log_to_stderr();
        return keeper::keep(&folder, labs::planned);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no mistakes; a reader that went away is nobody's.
            let exit = if error.use_stderr() { Exit::BadInput } else { Exit::AsExpected };
            let _ = error.print();
            return exit.into();
        }
    };
    log_to_stderr();
    match carry_out(&cli.command) {
        Ok(exit) => exit,
        Err(failure) => failure.report().into(),
    }
}

fn carry_out(command: &Command) -> Result<ExitCode, Failure> {
    let out = &mut io::stdout();
    match command {
        Command::Plan(args) => plan::run(args, out)?,
        Command::List(args) => list::run(args, out)?,
        Command::New(args) => new::run(args, out)?,
        Command::Schema(args) => schema::run(args, out)?,
        Command::Completions(args) => completions::run(args, out)?,
        Command::Run(args) => return run::run(args, out).map(Into::into),
        Command::Explain(args) => return explain::run(args, out).map(Into::into),
        Command::History(args) => return history::run(args, out).map(Into::into),
        Command::Baseline(args) => return baseline::run(args, out).map(Into::into),
        Command::Report(args) => return report::run(args, out).map(Into::into),
        Command::CiMatrix(args) => ci_matrix::run(args, out)?,
        Command::Image(args) => image::run(args, out)?,
        Command::Doctor(args) => return Ok(doctor::run(args, out)?.into()),
        Command::Up(args) => return labs::up::run(args, out),
        Command::Status(args) => return labs::status::run(args, out),
        Command::Shell(args) => return labs::enter::shell(args),
        Command::Exec(args) => return labs::enter::exec(args),
        Command::Test(args) => return labs::test::run(args),
        Command::Down(args) => return labs::down::run(args, out),
        Command::Gc(args) => return labs::gc::run(args, out),
    }
    Ok(Exit::AsExpected.into())
}

/// Warnings, or what `PATHLAB_LOG` asks for (`debug`: every command on every machine, with its status).
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("PATHLAB_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}
