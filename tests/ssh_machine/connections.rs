//! Connections: cut, silent, refused, made again.

use std::time::{Duration, Instant};

use fs_err as fs;
use libtest_mimic::Failed;
use pathlab::provider::{
    Command, Machine, MachineError,
    ssh::{KeyPair, SshMachine, SshTarget, known_host},
};

use super::{
    ensure,
    server::{Server, gone, runs},
};

pub async fn a_cut_connection_is_no_failing_command() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("may").await?;
    let mark = format!("35{}", std::process::id());
    let command = Command::new(["sleep", &mark]);
    let cut = async {
        while !runs(&mark)? {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server.signal_sessions("-KILL")
    };
    let (error, cut) = tokio::join!(machine.run(&command), cut);
    cut?;
    match error {
        Err(MachineError::Lost { machine, reason }) if machine == "rhel" && !reason.is_empty() => {}
        other => return Err(format!("{other:?}").into()),
    }
    ensure(gone(&mark).await?, || "what nobody can see any more goes on".to_owned())?;
    // The next command finds its way by itself.
    let output = machine.run(&Command::shell("exit 255")).await?;
    ensure(output.status == 255, || format!("{output:?}"))
}

/// Nothing is closed, nothing answers: the keep-alive notices.
pub async fn a_machine_that_falls_silent_is_lost() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("may").await?;
    let command = Command::new(["sleep", "300"]).limit(Duration::from_secs(5));
    let silence = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.signal_sessions("-STOP")
    };
    let (error, silenced) = tokio::join!(machine.run(&command), silence);
    silenced?;
    ensure(matches!(error, Err(MachineError::Lost { .. })), || format!("{error:?}"))
}

pub async fn only_the_right_host_key_is_trusted() -> Result<(), Failed> {
    let server = Server::start()?;
    server.connected("root").await?;
    let other = KeyPair::ed25519("other")?;
    for known in [known_host("machine", other.public()), known_host("somebody", other.public()), String::new()] {
        fs::write(server.path().join("known"), &known)?;
        match server.machine("root").run(&Command::new(["true"])).await {
            Err(MachineError::Lost { reason, .. }) if reason.contains("host key is not the one") => {}
            other => return Err(format!("{known:?}: {other:?}").into()),
        }
    }
    let known = fs::read_to_string(server.path().join("known"))?;
    ensure(known.is_empty(), || format!("a key was added: {known}"))
}

pub async fn only_the_right_user_is_let_in() -> Result<(), Failed> {
    let server = Server::start()?;
    server.connected("root").await?;
    fs::write(server.path().join("authorized"), KeyPair::ed25519("other")?.public())?;
    match server.machine("root").run(&Command::new(["true"])).await {
        Err(MachineError::Lost { reason, .. }) if reason.contains("Permission denied") => {}
        other => return Err(format!("{other:?}").into()),
    }
    let mut target = server.target("root");
    target.port = 2;
    match SshMachine::new("rhel", target).run(&Command::new(["true"])).await {
        Err(MachineError::Lost { reason, .. }) if reason.contains("Connection refused") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// As the machines of a libvirt on another host are: by the user's own way to that host.
pub async fn a_machine_behind_another_host_is_reached() -> Result<(), Failed> {
    let (mut hop, server) = (Server::start()?, Server::start()?);
    hop.connected("root").await?;
    let way = hop.target("root");
    let config = format!(
        "Host hop\n HostName {}\n Port {}\n User {}\n IdentityFile {}\n UserKnownHostsFile {}\n HostKeyAlias {}\n",
        way.host, way.port, way.user, way.identity, way.known_hosts, way.alias
    );
    fs::create_dir_all("/root/.ssh")?;
    fs::write("/root/.ssh/config", config)?;
    let target = SshTarget { through: Some("ssh://hop".to_owned()), ..server.target("may") };
    let machine = SshMachine::new("rhel", target);
    machine.wait_until_up(None, Duration::from_secs(10)).await?;
    let output = machine.run(&Command::new(["id", "-u"])).await?;
    ensure(output.text() == "0\n", || format!("{output:?}"))?;
    hop.end()?;
    let error = machine.run(&Command::new(["id", "-u"])).await;
    ensure(matches!(error, Err(MachineError::Lost { .. })), || format!("not by that host: {error:?}"))
}

/// A machine that goes down and comes up in another boot, after it was reachable in the old one for a while.
pub async fn a_reboot_is_waited_for() -> Result<(), Failed> {
    let mut server = Server::start()?;
    let machine = server.connected("may").await?;
    let before = machine.boot_id().await?;
    let not_yet = machine.wait_until_up(Some(&before), Duration::from_secs(2)).await;
    let said = not_yet.err().map(|error| error.to_string()).unwrap_or_default();
    ensure(said.contains("it has not restarted"), || said.clone())?;
    let restart = async {
        while !std::path::Path::new("/run/systemctl.asked").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
        server.end()?;
        tokio::time::sleep(Duration::from_millis(700)).await;
        fs::write("/run/boot_id", "22222222-0000-4000-8000-000000000000\n")?;
        server.start_again()
    };
    let (rebooted, restarted) = tokio::join!(machine.reboot(Duration::from_secs(20)), restart);
    restarted?;
    rebooted?;
    let asked = fs::read_to_string("/run/systemctl.asked")?;
    ensure(asked == "reboot\n", || asked.clone())?;
    ensure(machine.boot_id().await? != before, || "the same boot".to_owned())
}

/// A harness that is killed leaves no connection, and what it ran on the machine ends.
pub async fn nothing_is_left_by_a_killed_harness() -> Result<(), Failed> {
    let server = Server::start()?;
    let mark = format!("36{}", std::process::id());
    let mut victim = std::process::Command::new(std::env::current_exe()?);
    let target = server.target("may");
    let facts = [target.port.to_string(), target.identity.to_string(), target.known_hosts.to_string(), mark.clone()];
    let mut victim = victim.env("PATHLAB_SSH_VICTIM", facts.join(" ")).spawn()?;
    while !runs(&mark)? {
        ensure(victim.try_wait()?.is_none(), || "the victim ended by itself".to_owned())?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    victim.kill()?;
    victim.wait()?;
    ensure(gone(&mark).await?, || "its program goes on".to_owned())?;
    let end = Instant::now() + Duration::from_secs(10);
    while !server.sessions()?.is_empty() {
        ensure(Instant::now() < end, || "its connection is there".to_owned())?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The harness that is killed.
pub async fn victim(facts: &str) -> Result<(), Failed> {
    let facts: Vec<&str> = facts.split(' ').collect();
    let [port, identity, known_hosts, mark] = facts[..] else { return Err("no facts".into()) };
    let target = SshTarget {
        host: "127.0.0.1".to_owned(),
        port: port.parse()?,
        user: "may".to_owned(),
        identity: identity.into(),
        known_hosts: known_hosts.into(),
        alias: "machine".to_owned(),
        through: None,
    };
    let machine = SshMachine::new("rhel", target);
    machine.wait_until_up(None, Duration::from_secs(10)).await?;
    machine.run(&Command::new(["sleep", mark])).await?;
    Ok(())
}
