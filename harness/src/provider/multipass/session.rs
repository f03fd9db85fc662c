//! A program in an instance that talks with somebody: through `multipass exec`, which has a terminal where it is started
//! on one.

use std::process::Stdio;

use super::{machine::Instance, process::exec};
use crate::provider::{
    Stream,
    session::{Session, serve},
    ssh::session_line,
};

/// How many bytes may wait for the other side.
const BUFFER: usize = 64 << 10;

/// Starts the program, as root.
pub(super) fn start(instance: &Instance, user: &str, session: &Session) -> Box<dyn Stream> {
    let line = session_line(user, session);
    let mut program = instance.multipass.bare(&exec(&instance.id, &line));
    program.stdin(Stdio::piped());
    let (ours, mut theirs) = tokio::io::duplex(BUFFER);
    let terminal = session.terminal;
    tokio::spawn(async move {
        if let Err(error) = serve(&mut theirs, program, terminal).await {
            tracing::debug!("a session ended early: {error}");
        }
    });
    Box::new(ours)
}
