//! `lab shell` and `lab exec`: programs on a machine of a lab that is up.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use miette::Diagnostic;

use super::{
    super::{
        args::{ExecArgs, ShellArgs},
        failure::Failure,
    },
    open,
    session::{RawTerminal, talk, terminal_size},
    wait,
};
use crate::provider::{MachineError, session::Session};

/// The shell that there is; its own files on this host are not the lab's.
const SHELL: &str = "command -v bash >/dev/null && exec bash --noprofile --norc; exec sh";

/// What of the environment a terminal's programs need.
const TERMINAL_ENVIRONMENT: [&str; 2] = ["TERM", "COLORTERM"];

/// The machine did not do it.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum EnterError {
    #[error("{0}")]
    Machine(#[from] MachineError),
    #[error("lost the lab: {0}")]
    #[diagnostic(help("`lab status` shows whether it is still up"))]
    Lost(io::Error),
    #[error("failed to use this terminal: {0}")]
    Terminal(io::Error),
}

/// Opens a shell, on a terminal where this program has one.
pub fn shell(args: &ShellArgs) -> Result<ExitCode, Failure> {
    let has_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let terminal = has_terminal.then(terminal_size);
    let program = ["sh", "-c", SHELL].map(str::to_owned).to_vec();
    enter(&args.name, &args.machine, |machine| {
        let mut env = vec![("PS1".to_owned(), format!("{}:{machine}\\$ ", args.name))];
        env.extend(
            TERMINAL_ENVIRONMENT.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))),
        );
        Session { argv: program, env, terminal }
    })
}

/// Runs a program.
pub fn exec(args: &ExecArgs) -> Result<ExitCode, Failure> {
    let program = args.command.clone();
    enter(&args.name, &args.machine, |_| Session { argv: program, env: Vec::new(), terminal: None })
}

fn enter(lab: &str, machine: &str, session: impl FnOnce(&str) -> Session) -> Result<ExitCode, Failure> {
    let broken = |error: EnterError| Failure::lab(error);
    let status = wait(async {
        let lab = open(lab).await?;
        let (found, machine) = lab.machine(machine).map_err(Failure::input)?;
        let session = session(&found.name);
        let stream = machine.session(&session).await.map_err(|error| broken(error.into()))?;
        let raw = session.terminal.map(|_| RawTerminal::enter()).transpose();
        let raw = raw.map_err(|error| broken(EnterError::Terminal(error)))?;
        let ended = talk(stream, session.terminal.is_some(), &found.name, &session.argv[0]).await;
        drop(raw);
        ended.map_err(|error| broken(EnterError::Lost(error)))
    })??;
    Ok(ExitCode::from(status))
}
