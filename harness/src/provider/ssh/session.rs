//! A program on a machine that talks with somebody, over a connection of its own.
//!
//! That connection is the program's life: `sshd` has a process for it alone, and when that ends a watcher beside the
//! program, or the hang-up of its terminal, ends the program.

use std::process::Stdio;

use tokio::process::Command;

use super::{
    reach::Reach,
    remote::{PATH, quoted},
};
use crate::provider::{
    Stream,
    session::{Session, serve},
};

/// How long connecting may take, in seconds.
const CONNECTING: u64 = 30;

/// How many bytes may wait for the other side.
const BUFFER: usize = 64 << 10;

/// On a terminal: the hang-up ends it. `$0` is of no use here.
const ON_TERMINAL: &str = r#"cd /; exec "$@""#;

/// With pipes: `$0` is the number of the process that the connection has in `sshd`.
const WITH_PIPES: &str = r#"cd /; exec 3<&0; setsid -- "$@" <&3 3<&- & p=$!; exec 3<&- </dev/null; (exec >/dev/null 2>&1; while kill -0 "$0" && kill -0 $p; do sleep 1; done; kill -KILL -$p) & w=$!; wait $p; s=$?; kill $w 2>/dev/null; exit $s"#;

/// Starts the program, as root.
pub(super) fn start(reach: &Reach, session: &Session) -> Box<dyn Stream> {
    let mut ssh = Command::new("ssh");
    ssh.args(["-e", "none", "-o", "LogLevel=ERROR", if session.terminal.is_some() { "-tt" } else { "-T" }]);
    ssh.args(reach.arguments(CONNECTING)).arg(session_line(reach.user(), session));
    ssh.stdin(Stdio::piped()).kill_on_drop(true);
    let (ours, mut theirs) = tokio::io::duplex(BUFFER);
    let terminal = session.terminal;
    tokio::spawn(async move {
        if let Err(error) = serve(&mut theirs, ssh, terminal).await {
            tracing::debug!("a session ended early: {error}");
        }
    });
    Box::new(ours)
}

/// The line for the login shell, which sees nothing but words in quotes.
pub(in crate::provider) fn session_line(user: &str, session: &Session) -> String {
    let script = if session.terminal.is_some() { ON_TERMINAL } else { WITH_PIPES };
    let as_root = if user == "root" { "" } else { "sudo -n -H " };
    let start = format!(r#"s=$1; shift; exec {as_root}sh -c "$s" $PPID "$@""#);
    let variables = session.env.iter().map(|(name, value)| format!("{name}={value}"));
    let words = ["sh".to_owned(), script.to_owned(), "env".to_owned(), format!("PATH={PATH}")];
    let words = words.into_iter().chain(variables).chain(session.argv.iter().cloned());
    let words: Vec<String> = words.map(|word| quoted(&word)).collect();
    format!("exec sh -c {} {}", quoted(&start), words.join(" "))
}
