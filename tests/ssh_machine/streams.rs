//! Streams to unix sockets on a machine.

use std::{
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
};

use fs_err as fs;
use libtest_mimic::Failed;
use pathlab::provider::{Machine, MachineError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{ensure, server::Server};

pub async fn a_unix_socket_is_reached() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("may").await?;
    fs::set_permissions(server.path(), std::fs::Permissions::from_mode(0o755))?;
    let path = server.path().join("agent.sock");
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        for stream in listener.incoming().take(3) {
            let mut stream = stream?;
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let read = stream.read_to_end(&mut bytes);
                bytes.reverse();
                read.and_then(|_| stream.write_all(&bytes))
            });
        }
        Ok(())
    });
    let question: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(machine.connect(&path).await?);
    }
    for mut stream in streams {
        stream.write_all(&question).await?;
        stream.shutdown().await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        answer.reverse();
        ensure(answer == question, || format!("{} bytes came back", answer.len()))?;
    }
    echo.join().map_err(|_| "the echo panicked")??;
    Ok(())
}

pub async fn a_socket_that_is_not_there_is_said() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("may").await?;
    fs::set_permissions(server.path(), std::fs::Permissions::from_mode(0o755))?;
    let _listener = UnixListener::bind(server.path().join("root.sock"))?;
    fs::set_permissions(server.path().join("root.sock"), std::fs::Permissions::from_mode(0o600))?;
    for (name, words) in
        [("nobody.sock", "no such socket"), ("known", "not a socket"), ("root.sock", "may not connect")]
    {
        match machine.connect(&server.path().join(name)).await {
            Err(MachineError::File { reason, .. }) if reason.contains(words) => {}
            Err(other) => return Err(format!("{name}: {other}").into()),
            Ok(_) => return Err(format!("{name}: connected").into()),
        }
    }
    Ok(())
}
