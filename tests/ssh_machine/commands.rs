//! Programs: what goes in, what comes out, how they end.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use libtest_mimic::Failed;
use pathlab::provider::{Command, Machine, MachineError};

use super::{
    ensure,
    server::{Server, gone, runs},
};

pub async fn arguments_arrive_as_they_are() -> Result<(), Failed> {
    let server = Server::start()?;
    let long = "x".repeat(100_000);
    let nasty = [
        "",
        " ",
        "-",
        "--",
        "-n",
        "it's",
        "\"",
        "\\",
        "\\n",
        "\n",
        "a\nb\n",
        "\n\n",
        "$(touch /run/pwned)",
        "`id`",
        "${HOME}",
        "!!",
        "*",
        "~",
        "#",
        ";",
        "&",
        "|",
        "\t",
        "é ü 漢字 🦀",
        "\u{1}\u{7f}",
        "%s",
        "'\"'\"'",
        "{a,b}",
        &long,
    ];
    for user in ["root", "may"] {
        let machine = server.connected(user).await?;
        let command = Command::new(["printf", "%s\\0"].into_iter().chain(nasty));
        let output = machine.run(&command).await?.success("rhel", &command)?;
        let arrived: Vec<String> = output.text().split_terminator('\0').map(str::to_owned).collect();
        ensure(arrived == nasty, || format!("{user}: {arrived:?}"))?;
        ensure(output.stderr.is_empty(), || format!("{user}: {}", String::from_utf8_lossy(&output.stderr)))?;
    }
    ensure(!std::path::Path::new("/run/pwned").exists(), || "an argument was run".to_owned())
}

pub async fn much_goes_in_and_out() -> Result<(), Failed> {
    let server = Server::start()?;
    let bytes: Vec<u8> =
        (0..10_000_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for user in ["root", "may"] {
        let machine = server.connected(user).await?;
        let output = machine.run(&Command::new(["cat"]).stdin(bytes.clone())).await?;
        ensure(output.ok() && output.stdout == bytes, || format!("{user}: {} bytes", output.stdout.len()))?;
        let both = "cat >&2; head -c 3000000 /dev/zero; printf end";
        let output = machine.run(&Command::shell(both).stdin(bytes.clone())).await?;
        ensure(output.stderr == bytes, || format!("{user}: {} bytes of errors", output.stderr.len()))?;
        ensure(output.stdout.len() == 3_000_003 && output.stdout.ends_with(b"end"), || "output".to_owned())?;
        // Input that nobody reads is no failure.
        let output = machine.run(&Command::new(["true"]).stdin(bytes.clone())).await?;
        ensure(output.ok(), || format!("{output:?}"))?;
    }
    Ok(())
}

pub async fn every_status_is_the_program_s_own() -> Result<(), Failed> {
    let server = Server::start()?;
    for user in ["root", "may"] {
        let machine = server.connected(user).await?;
        for status in [0, 1, 42, 126, 127, 128, 254, 255] {
            let output = machine.run(&Command::shell(&format!("echo out; echo err >&2; exit {status}"))).await?;
            ensure(output.status == status, || format!("{user}: {status} became {}", output.status))?;
            ensure((&*output.stdout, &*output.stderr) == (b"out\n", b"err\n"), || format!("{output:?}"))?;
        }
        for (signal, number) in [("KILL", 9), ("TERM", 15), ("SEGV", 11)] {
            let output = machine.run(&Command::shell(&format!("kill -{signal} $$"))).await?;
            ensure(output.status == 128 + number, || format!("{user}: SIG{signal}: {output:?}"))?;
            ensure(output.stderr.is_empty(), || format!("{user}: {output:?}"))?;
        }
    }
    Ok(())
}

pub async fn what_cannot_be_started_is_said() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("root").await?;
    let cases = [
        (vec!["no-such-program"], "no such program"),
        (vec!["/no/such/program", "x"], "no such file"),
        (vec!["/etc"], "may not be executed"),
        (vec!["/etc/passwd"], "may not be executed"),
        (vec!["echo", "a\0b"], "zero byte"),
        (vec![], "arguments are none"),
    ];
    for (argv, words) in cases {
        match machine.run(&Command::new(argv.clone())).await {
            Err(MachineError::NotStarted { reason, .. }) if reason.contains(words) => {}
            other => return Err(format!("{argv:?}: {other:?}").into()),
        }
    }
    let machine = server.connected("maynot").await;
    let said = machine.err().map(|error| error.message().unwrap_or_default().to_owned()).unwrap_or_default();
    ensure(said.contains("maynot cannot become root without a password"), || said.clone())
}

pub async fn the_time_limit_ends_all_of_the_program() -> Result<(), Failed> {
    let server = Server::start()?;
    for user in ["root", "may"] {
        let machine = server.connected(user).await?;
        let mark = format!("31{}", std::process::id());
        let line = format!("trap '' TERM; sleep {mark} & sleep {mark}");
        let started = Instant::now();
        let error = machine.run(&Command::shell(&line).limit(Duration::from_millis(1500))).await;
        ensure(matches!(error, Err(MachineError::TimedOut { .. })), || format!("{user}: {error:?}"))?;
        let took = started.elapsed();
        ensure((1500..30_000).contains(&took.as_millis()), || format!("{user}: took {took:?}"))?;
        ensure(gone(&mark).await?, || format!("{user}: it goes on"))?;
    }
    Ok(())
}

pub async fn nobody_waits_for_what_a_program_leaves_running() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("may").await?;
    let started = Instant::now();
    let output = machine.run(&Command::shell("sleep 33 & echo started")).await?;
    ensure(output.text() == "started\n", || format!("{output:?}"))?;
    ensure(started.elapsed() < Duration::from_secs(10), || format!("took {:?}", started.elapsed()))
}

pub async fn a_program_that_is_not_waited_for_is_killed() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("may").await?;
    let mark = format!("32{}", std::process::id());
    let command = Command::new(["sleep", &mark]);
    ensure(tokio::time::timeout(Duration::from_secs(1), machine.run(&command)).await.is_err(), || {
        "ended early".to_owned()
    })?;
    ensure(gone(&mark).await?, || "it goes on".to_owned())
}

/// With those that kill them they are more than sshd lets in.
pub async fn many_that_are_not_waited_for_are_all_killed() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("may").await?;
    let marks: Vec<String> = (0..7).map(|number| format!("37{number}{}", std::process::id())).collect();
    let commands: Vec<_> = marks.iter().map(|mark| Command::shell(&format!("echo runs; sleep {mark}"))).collect();
    let mut running = try_join_all(commands.iter().map(|command| machine.start(command))).await?;
    for one in &mut running {
        one.wait_for("runs", Duration::from_secs(30)).await?;
    }
    drop(running);
    let end = Instant::now() + Duration::from_secs(30);
    for mark in &marks {
        while runs(mark)? {
            ensure(Instant::now() < end, || format!("sleep {mark} goes on"))?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

pub async fn a_program_goes_on_until_it_is_stopped() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("may").await?;
    let mark = format!("34{}", std::process::id());
    let line = format!("echo one; sleep 0.3; echo two >&2; echo two; sleep {mark}");
    let mut running = machine.start(&Command::shell(&line)).await?;
    running.wait_for("two", Duration::from_secs(30)).await?;
    let error = running.wait_for("three", Duration::from_millis(300)).await;
    ensure(matches!(error, Err(MachineError::TimedOut { .. })), || format!("{error:?}"))?;
    let end = Instant::now() + Duration::from_secs(30);
    while !runs(&mark)? {
        ensure(Instant::now() < end, || "it does not run".to_owned())?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let output = running.stop().await?;
    ensure((&*output.stdout, &*output.stderr) == (b"one\ntwo\n", b"two\n"), || format!("{output:?}"))?;
    ensure(output.status == 137, || format!("{output:?}"))?;
    ensure(gone(&mark).await?, || "it goes on".to_owned())?;
    let mut running = machine.start(&Command::new(["echo", "short"])).await?;
    let error = running.wait_for("long", Duration::from_secs(5)).await;
    ensure(matches!(error, Err(MachineError::NotStarted { .. })), || format!("{error:?}"))?;
    let output = running.stop().await?;
    ensure(output.ok() && output.stdout == b"short\n", || format!("{output:?}"))
}

/// More than sshd lets in on one connection.
pub async fn many_at_the_same_time() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("may").await?;
    let commands: Vec<_> = (0..40).map(|number| Command::shell(&format!("sleep 0.1; echo {number}"))).collect();
    let outputs = try_join_all(commands.iter().map(|command| machine.run(command))).await?;
    for (number, output) in outputs.iter().enumerate() {
        ensure(output.text() == format!("{number}\n"), || format!("{number}: {output:?}"))?;
    }
    Ok(())
}

pub async fn root_is_root_for_every_login_user() -> Result<(), Failed> {
    let server = Server::start()?;
    for user in ["root", "may"] {
        let machine = server.connected(user).await?;
        let command = Command::shell("id -u; pwd; umask; echo $LC_ALL; command -v nft; cat");
        let output = machine.run(&command).await?.success("rhel", &command)?;
        let text = output.text();
        ensure(text.starts_with("0\n/\n0022\nC.UTF-8\n/usr/sbin/nft\n"), || format!("{user}: {text}"))?;
    }
    Ok(())
}
