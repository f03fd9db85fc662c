//! Answering one connection to a keeper.

use std::{io, sync::Arc};

use serde::Serialize;
use tokio::{
    io::{AsyncReadExt as _, copy_bidirectional},
    net::UnixStream,
    select,
};

use super::{
    house::House,
    protocol::{Ask, Call, Fault, Goal, send_printed},
};
use crate::provider::{
    Machine, MachineError, Output, Running, Stream,
    wire::{receive, receive_bytes, send},
};

/// Answers a connection. Returns it unanswered when it asks for the end of the lab.
pub(super) async fn answer(mut stream: UnixStream, house: &House) -> io::Result<Option<UnixStream>> {
    match receive(&mut stream).await? {
        Ask::Down => return Ok(Some(stream)),
        Ask::Describe => send(&mut stream, &Ok::<_, Fault>(house.described())).await?,
        Ask::Machine { cluster, machine, call } => match house.machine(cluster, machine) {
            Some(machine) => of_machine(&mut stream, &**machine, call).await?,
            None => refuse(&mut stream, "there is no such machine").await?,
        },
        Ask::RulesIntact { cluster } => match house.lives.get(cluster) {
            Some(life) => reply(&mut stream, life.cluster().rules_intact().await).await.map(drop)?,
            None => refuse(&mut stream, "there is no such cluster").await?,
        },
        Ask::Resync { cluster } => match house.lives.get(cluster) {
            Some(life) => reply(&mut stream, life.cluster().resync().await).await.map(drop)?,
            None => refuse(&mut stream, "there is no such cluster").await?,
        },
    }
    Ok(None)
}

async fn refuse(stream: &mut UnixStream, reason: &str) -> io::Result<()> {
    send(stream, &Err::<(), _>(Fault::Other(reason.to_owned()))).await
}

/// Sends a result, and returns what is in it.
async fn reply<T, E>(stream: &mut UnixStream, result: Result<T, E>) -> io::Result<Option<T>>
where
    T: Serialize,
    Fault: From<E>,
{
    let result = result.map_err(Fault::from);
    send(stream, &result).await?;
    Ok(result.ok())
}

async fn of_machine(stream: &mut UnixStream, machine: &dyn Machine, call: Call) -> io::Result<()> {
    match call {
        Call::Run(mut command) => {
            command.stdin = receive_bytes(stream).await?;
            let ended = select! {
                ended = machine.run(&command) => ended,
                // Dropping the run ends the program.
                () = closed(stream) => return Ok(()),
            };
            printed(stream, ended).await
        }
        Call::Start(mut command) => {
            command.stdin = receive_bytes(stream).await?;
            match machine.start(&command).await {
                Ok(running) => {
                    send(stream, &Ok::<_, Fault>(())).await?;
                    started(stream, running).await
                }
                Err(error) => reply(stream, Err::<(), _>(error)).await.map(drop),
            }
        }
        Call::Write { path, mode } => {
            let content = receive_bytes(stream).await?;
            reply(stream, machine.write_file(&path, &content, mode).await).await.map(drop)
        }
        Call::Connect { socket } => joined(stream, machine.connect(&socket).await).await,
        Call::Session(session) => joined(stream, machine.session(&session).await).await,
    }
}

/// Waits until the other side has gone; what it says until then is not part of the protocol.
async fn closed(stream: &mut UnixStream) {
    let mut nothing = [0; 64];
    while let Ok(1..) = stream.read(&mut nothing).await {}
}

async fn printed(stream: &mut UnixStream, ended: Result<Output, MachineError>) -> io::Result<()> {
    match ended {
        Ok(output) => {
            send(stream, &Ok::<_, Fault>(output.status)).await?;
            send_printed(stream, &output).await
        }
        Err(error) => reply(stream, Err::<i32, _>(error)).await.map(drop),
    }
}

async fn started(stream: &mut UnixStream, mut running: Box<dyn Running>) -> io::Result<()> {
    loop {
        match receive(stream).await? {
            Goal::Printed { text, limit } => {
                reply(stream, running.wait_for(&text, limit).await).await?;
            }
            Goal::Stop => return printed(stream, running.stop().await).await,
        }
    }
}

/// Joins the connection with a stream of the machine's.
async fn joined(stream: &mut UnixStream, inner: Result<Box<dyn Stream>, MachineError>) -> io::Result<()> {
    match inner {
        Ok(mut inner) => {
            send(stream, &Ok::<_, Fault>(())).await?;
            copy_bidirectional(stream, &mut inner).await.map(drop)
        }
        Err(error) => reply(stream, Err::<(), _>(error)).await.map(drop),
    }
}

/// Answers a connection and says what went wrong in the keeper's log.
pub(super) async fn answered(stream: UnixStream, house: Arc<House>) -> Option<UnixStream> {
    match answer(stream, &house).await {
        Ok(down) => down,
        Err(error) => {
            // Whoever asked may end at any time.
            tracing::debug!("a connection ended early: {error}");
            None
        }
    }
}
