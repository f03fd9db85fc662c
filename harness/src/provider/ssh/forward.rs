//! Streams to unix sockets on the machine.

use camino::Utf8Path;
use openssh::ForwardType;
use tokio::net::UnixStream;

use super::connection::Connection;
use crate::provider::{Command, Stream};

/// OpenSSH accepts a connection here before it knows whether anybody listens there, so it is looked first.
const CHECK: &str = r#"if [ ! -e "$1" ]; then echo "no such socket, or not for $(id -un)"; exit 1; fi
if [ ! -S "$1" ]; then echo 'not a socket'; exit 1; fi
if [ ! -w "$1" ]; then echo "$(id -un) may not connect to it"; exit 1; fi"#;

/// Says on standard output what is wrong with a socket, for the login user.
pub(super) fn check(socket: &Utf8Path) -> Command {
    Command::new(["sh", "-c", CHECK, "sh", socket.as_str()])
}

/// Connects to a socket on the machine through one here, which is made at the first time.
pub(super) async fn connect(connection: &Connection, socket: &Utf8Path) -> Result<Box<dyn Stream>, String> {
    if socket.as_str().contains(':') {
        return Err("OpenSSH cannot forward to a path with a colon".to_owned());
    }
    let mut forwards = connection.forwards.lock().await;
    let local = if let Some(local) = forwards.get(socket) {
        local.clone()
    } else {
        let local = connection.local_socket(forwards.len()).ok_or("the folder's path is not UTF-8")?;
        let asked =
            connection.session.request_port_forward(ForwardType::Local, local.as_std_path(), socket.as_std_path());
        asked.await.map_err(|error| format!("failed to forward: {}", with_source(&error)))?;
        forwards.insert(socket.to_owned(), local.clone());
        local
    };
    drop(forwards);
    let stream = UnixStream::connect(&local).await.map_err(|error| format!("the forward is gone: {error}"))?;
    Ok(Box::new(stream))
}

fn with_source(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
