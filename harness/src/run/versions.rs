//! Versions of what decided a result.

use crate::{
    model::report::{Host, MachineReport},
    provider::{Command, Machine, MachineError, netns::PROGRAMS},
};

/// Versions on this host of the programs that a namespace lab runs. `machine` is any space of the lab.
pub async fn of_host(machine: &dyn Machine) -> Result<Host, MachineError> {
    Ok(Host {
        kernel: first_line(machine, &["uname", "-r"]).await?.unwrap_or_default(),
        nft: version(machine, &["nft", "--version"]).await?,
        iptables: first_line(machine, &["iptables", "--version"]).await?.as_deref().map(without_name),
        nginx: version(machine, &["nginx", "-v"]).await?,
        dnsmasq: version(machine, &["dnsmasq", "--version"]).await?,
        ..Host::default()
    })
}

/// The same where real Kubernetes runs on namespace hosts, with the versions of its programs.
pub async fn of_kubernetes_host(machine: &dyn Machine) -> Result<Host, MachineError> {
    Ok(Host {
        kubernetes: version(machine, &[&format!("{PROGRAMS}/kube-apiserver"), "--version"]).await?,
        containerd: version(machine, &["containerd", "--version"]).await?,
        ..of_host(machine).await?
    })
}

/// Versions on a machine. firewalld is asked over its bus, which is quick; it is absent when it does not run.
pub async fn of_machine(machine: &dyn Machine) -> Result<MachineReport, MachineError> {
    Ok(MachineReport {
        kernel: first_line(machine, &["uname", "-r"]).await?.unwrap_or_default(),
        firewalld: firewalld(machine).await?,
        nft: version(machine, &["nft", "--version"]).await?,
        ..MachineReport::default()
    })
}

async fn firewalld(machine: &dyn Machine) -> Result<Option<String>, MachineError> {
    let asked = Command::new([
        "dbus-send",
        "--system",
        "--print-reply=literal",
        "--dest=org.fedoraproject.FirewallD1",
        "/org/fedoraproject/FirewallD1",
        "org.freedesktop.DBus.Properties.Get",
        "string:org.fedoraproject.FirewallD1",
        "string:version",
    ]);
    let Ok(output) = machine.run(&asked).await else { return Ok(None) };
    Ok(output.ok().then(|| output.text()).and_then(|text| text.split_whitespace().next_back().map(str::to_owned)))
}

/// The first word of the program's first line that starts with a digit, once `v`, a name and a slash are cut.
async fn version(machine: &dyn Machine, argv: &[&str]) -> Result<Option<String>, MachineError> {
    let line = first_line(machine, argv).await?.unwrap_or_default();
    let numbers = line.split([' ', '/', '(']).map(|word| word.trim_start_matches('v'));
    Ok(numbers.map(str::to_owned).find(|word| word.starts_with(|first: char| first.is_ascii_digit())))
}

/// What the program prints first; none when it is not there.
async fn first_line(machine: &dyn Machine, argv: &[&str]) -> Result<Option<String>, MachineError> {
    let output = match machine.run(&Command::new(argv.iter().copied())).await {
        Ok(output) => output,
        Err(MachineError::NotStarted { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let said = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    Ok(String::from_utf8_lossy(said).lines().next().map(|line| line.trim().to_owned()))
}

fn without_name(line: &str) -> String {
    line.strip_prefix("iptables v").unwrap_or(line).to_owned()
}
