//! The network of a lab: one of its own with fixed addresses, or one that exists.

use std::net::Ipv4Addr;

use askama::Template;

use super::{
    names::{self, NETWORKS, Names},
    options::LibvirtOptions,
    state::MachineState,
    virsh::{Virsh, is_absent, taken},
};
use crate::provider::ProviderError;

#[derive(Template)]
#[template(path = "libvirt/network.xml")]
struct NetworkXml<'a> {
    name: &'a str,
    uuid: &'a str,
    bridge: &'a str,
    gateway: Ipv4Addr,
    first: Ipv4Addr,
    last: Ipv4Addr,
    hosts: Vec<Host<'a>>,
}

struct Host<'a> {
    mac: &'a str,
    name: &'a str,
    address: Ipv4Addr,
}

/// Makes the lab's network and gives each machine its address there. Networks that are in use are passed over.
pub(super) async fn create(virsh: &Virsh, names: &Names, machines: &mut [MachineState]) -> Result<(), ProviderError> {
    let (name, uuid, bridge) = (names.shared(), names.uuid("network", ""), names.bridge());
    let mut last = String::new();
    for attempt in 0..NETWORKS {
        let subnet = names.subnet(attempt);
        for (number, machine) in machines.iter_mut().enumerate() {
            machine.address = names::address(subnet, number).into();
        }
        let host = |(number, machine)| {
            let machine: &MachineState = machine;
            Host { mac: &machine.mac, name: &machine.name, address: names::address(subnet, number) }
        };
        let xml = NetworkXml {
            name: &name,
            uuid: &uuid,
            bridge: &bridge,
            gateway: Ipv4Addr::new(192, 168, subnet, 1),
            first: names::address(subnet, 0),
            last: names::last_address(subnet),
            hosts: machines.iter().enumerate().map(host).collect(),
        };
        let xml = xml.render().unwrap_or_default();
        virsh.feed(&["net-define", "/dev/stdin"], xml.as_bytes()).await.map_err(|error| refused(&name, error))?;
        match virsh.run(&["net-start", &name]).await {
            Ok(_) => return Ok(()),
            Err(ProviderError::Command { reason, .. }) if reason.contains("already in use") => last = reason,
            Err(error) => return Err(refused(&name, error)),
        }
    }
    Err(ProviderError::Network {
        reason: format!("every network from 192.168.{} on is in use: {last}", names.subnet(0)),
        help: "end labs that nobody needs (`lab status`), or name a network of libvirt with `--libvirt-network NAME`"
            .to_owned(),
    })
}

fn refused(name: &str, error: ProviderError) -> ProviderError {
    if let Some(reason) = taken(&error) {
        return ProviderError::NameTaken { what: "network", name: name.to_owned(), reason: reason.to_owned() };
    }
    match error {
        ProviderError::Command { reason, .. } => ProviderError::Network {
            reason,
            help: "libvirt needs dnsmasq and iptables or nftables for a network; or name one that exists with \
                   `--libvirt-network NAME`"
                .to_owned(),
        },
        other => other,
    }
}

/// Fails unless the network that is to be used can be.
pub(super) async fn check(virsh: &Virsh, options: &LibvirtOptions) -> Result<(), ProviderError> {
    let help = "`virsh net-list --all` shows what there is; `virsh net-start NAME` starts one".to_owned();
    let Some(network) = &options.network else {
        if options.is_session() {
            let reason = format!("{} may not make one", options.uri);
            let help = "use `--libvirt-uri qemu:///system`, or `--libvirt-network NAME` with a network that is there";
            return Err(ProviderError::Network { reason, help: help.to_owned() });
        }
        return Ok(());
    };
    match virsh.run(&["net-info", network]).await {
        Ok(info) if info.lines().any(|line| line.starts_with("Active:") && line.ends_with("yes")) => Ok(()),
        Ok(_) => Err(ProviderError::Network { reason: format!("the network {network} is not started"), help }),
        Err(error) if is_absent(&error) => {
            Err(ProviderError::Network { reason: format!("libvirt has no network {network}"), help })
        }
        Err(error) => Err(error),
    }
}

/// The address that a machine has got in a network that is not ours, once it has one.
pub(super) async fn leased(virsh: &Virsh, domain: &str) -> Result<Option<Ipv4Addr>, ProviderError> {
    for source in ["lease", "arp"] {
        let said = virsh.run(&["domifaddr", domain, "--source", source]).await?;
        let address = said.split_whitespace().find_map(|word| word.split('/').next()?.parse::<Ipv4Addr>().ok());
        if address.is_some() {
            return Ok(address);
        }
    }
    Ok(None)
}

/// Starts the lab's own network unless it is started: it is not after a restart of libvirt's host.
pub(super) async fn wake(virsh: &Virsh, names: &Names) -> Result<(), ProviderError> {
    virsh.start(&["net-start", &names.shared()]).await
}

/// Removes the lab's own network; says false when it is somebody else's.
pub(super) async fn remove(virsh: &Virsh, names: &Names) -> Result<bool, ProviderError> {
    let name = names.shared();
    match virsh.run(&["net-uuid", &name]).await {
        Ok(uuid) if uuid.trim() != names.uuid("network", "") => return Ok(false),
        Ok(_) => {}
        Err(error) if is_absent(&error) => return Ok(true),
        Err(error) => return Err(error),
    }
    if let Err(error) = virsh.run(&["net-destroy", &name]).await {
        // One that was not started cannot be ended.
        let info = virsh.run(&["net-info", &name]).await?;
        if info.lines().any(|line| line.starts_with("Active:") && line.ends_with("yes")) {
            return Err(error);
        }
    }
    virsh.run(&["net-undefine", &name]).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use askama::Template as _;

    use super::{Host, NetworkXml};

    #[test]
    fn each_machine_has_its_address() {
        let address = |last| Ipv4Addr::new(192, 168, 140, last);
        let hosts = vec![
            Host { mac: "52:54:00:00:00:01", name: "rhel", address: address(10) },
            Host { mac: "52:54:00:00:00:02", name: "ubuntu", address: address(11) },
        ];
        let (name, uuid, bridge) = ("pathlab-demo", "0-0", "pl0102030405");
        let xml = NetworkXml { name, uuid, bridge, gateway: address(1), first: address(10), last: address(254), hosts };
        let xml = xml.render().expect("XML");
        for part in [
            r#"<host mac="52:54:00:00:00:01" name="rhel" ip="192.168.140.10"/>"#,
            r#"<host mac="52:54:00:00:00:02" name="ubuntu" ip="192.168.140.11"/>"#,
            r#"<ip address="192.168.140.1" netmask="255.255.255.0">"#,
            r#"<bridge name="pl0102030405" "#,
        ] {
            assert!(xml.contains(part), "no {part} in {xml}");
        }
    }
}
