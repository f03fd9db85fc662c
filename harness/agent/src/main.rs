//! `lab-agent`: echo server in the pods of a lab, prober at every vantage.
//!
//! One static file that runs as PID 1 of a container as well as on a machine. See [`cli`] for how to call it.

mod batch;
mod cli;
mod control;
mod echo;
mod frame;
mod identity;
mod listen;
mod pipe;
mod probe;
mod relay;
mod resolver;
mod socket;

use std::{io, process::ExitCode};

use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

use crate::{cli::Arguments, control::Control, echo::EchoServers, relay::Relay};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    raise_open_files_limit();
    let result = match arguments.work().pipe {
        Some(socket) => pipe::run(&socket),
        None => {
            Builder::new_current_thread().enable_all().build().and_then(|runtime| runtime.block_on(run(&arguments)))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGTERM or SIGINT. PID 1 gets no default action for them, so they are taken before anything else.
async fn run(arguments: &Arguments) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let work = arguments.work();
    let identity = identity::from_environment();
    let mut ready = Vec::new();
    if let Some(ports) = &work.echo {
        ready.extend(EchoServers::bind(ports)?.start(&identity));
    }
    if let Some(path) = &work.socket {
        Control::bind(path)?.start(identity);
        ready.push(format!("control {}", path.display()));
    }
    if let Some((path, to)) = &work.relay {
        Relay::bind(path, *to)?.start();
        ready.push(format!("relay {} to {to}", path.display()));
    }
    println!("lab-agent ready: {}", ready.join(", "));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// A batch holds one or two descriptors per probe under way; the usual soft limit of 1024 is soon reached.
fn raise_open_files_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && let Err(errno) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        eprintln!("lab-agent: the limit of open files stays as it is: {errno}");
    }
}
