//! Programs that talk with somebody: `lab exec` and `lab shell`.

use std::{process::Command as Process, time::Duration};

use libtest_mimic::Failed;
use pathlab::provider::{
    Machine as _, Stream,
    session::{Event, Input, Session, Size},
    wire::{receive, receive_bytes, send, send_bytes},
};
use tokio::time::timeout;

use super::{ensure, server::Server};

/// What the program printed, and its status.
async fn ended(stream: &mut dyn Stream) -> Result<(String, i32), Failed> {
    let mut stream = stream;
    let mut printed = String::new();
    loop {
        match timeout(Duration::from_secs(30), receive(&mut stream)).await?? {
            Event::Output { .. } => {
                printed.push_str(&String::from_utf8_lossy(&receive_bytes(&mut stream).await?));
            }
            Event::Exit { status } => return Ok((printed, status)),
            Event::Taken(_) => {}
            Event::NotStarted { reason, .. } => return Err(reason.into()),
        }
    }
}

fn session(script: &str, terminal: Option<Size>) -> Session {
    let argv = ["sh", "-c", script, "sh", "it's $(x)"].map(str::to_owned).to_vec();
    Session { argv, env: vec![("WHO".to_owned(), "some body".to_owned())], terminal }
}

pub async fn a_session_carries_input_output_and_status() -> Result<(), Failed> {
    let server = Server::start()?;
    for user in ["may", "root"] {
        let machine = server.connected(user).await?;
        let mut stream = machine.session(&session("id -u; echo \"$WHO|$1\"; cat; exit 7", None)).await?;
        send(&mut stream, &Input::Bytes).await?;
        send_bytes(&mut stream, b"hello").await?;
        send(&mut stream, &Input::End).await?;
        let (printed, status) = ended(&mut *stream).await?;
        ensure(printed == "0\nsome body|it's $(x)\nhello" && status == 7, || format!("{user}: {status} {printed}"))?;

        let size = Size { rows: 33, columns: 77 };
        let mut stream = machine.session(&session("stty size; exit 3", Some(size))).await?;
        let (printed, status) = ended(&mut *stream).await?;
        ensure(printed.contains("33 77") && status == 3, || format!("{user}: {status} {printed}"))?;
    }
    Ok(())
}

pub async fn a_session_that_is_left_ends_its_program() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("may").await?;
    for terminal in [None, Some(Size { rows: 24, columns: 80 })] {
        let mut stream = machine.session(&session("echo here; exec sleep 4242", terminal)).await?;
        let first: Event = timeout(Duration::from_secs(30), receive(&mut stream)).await??;
        ensure(matches!(first, Event::Output { .. }), || format!("{first:?}"))?;
        drop(stream);
        let runs = || Process::new("pgrep").args(["-f", "^sleep 4242$"]).output().map(|found| found.status.success());
        for _ in 0..100 {
            if !runs()? {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        ensure(!runs()?, || format!("it goes on, {terminal:?}"))?;
    }
    Ok(())
}
