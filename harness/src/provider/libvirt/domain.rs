//! The domain of a machine: libvirt's word for what QEMU runs.

use askama::Template;

use super::{
    accelerator::Accelerator,
    names::{NAMESPACE, Names},
    state::{LabState, MachineState},
    storage::Pool,
    virsh::{Virsh, is_absent, taken},
};
use crate::{catalog::distro::Hardware, provider::ProviderError};

#[derive(Template)]
#[template(path = "libvirt/domain.xml")]
struct DomainXml<'a> {
    name: &'a str,
    uuid: &'a str,
    lab: &'a str,
    id: &'a str,
    machine: &'a str,
    namespace: &'a str,
    accelerator: Accelerator,
    hardware: Hardware,
    disk: &'a str,
    seed: &'a str,
    console: &'a str,
    mac: &'a str,
    network: &'a str,
}

/// Defines the domain of a machine with its disk of the current generation, or defines it again.
pub(super) async fn define(
    virsh: &Virsh,
    names: &Names,
    pool: &Pool,
    state: &LabState,
    machine: &MachineState,
) -> Result<(), ProviderError> {
    let name = names.domain(&machine.name);
    let path = |volume: String| pool.path(&volume);
    let (disk, seed, console) = (path(machine.disk(state.generation)), path(machine.seed()), path(machine.console()));
    let xml = DomainXml {
        name: &name,
        uuid: &names.uuid("domain", &machine.name),
        lab: &names.lab,
        id: &names.id,
        machine: &machine.name,
        namespace: NAMESPACE,
        accelerator: state.accelerator,
        hardware: machine.hardware,
        disk: disk.as_str(),
        seed: seed.as_str(),
        console: console.as_str(),
        mac: &machine.mac,
        network: &state.network,
    };
    let xml = xml.render().unwrap_or_default();
    virsh.feed(&["define", "--validate", "/dev/stdin"], xml.as_bytes()).await.map(drop).map_err(|error| {
        match taken(&error) {
            Some(reason) => ProviderError::NameTaken { what: "machine", name, reason: reason.to_owned() },
            None => error,
        }
    })
}

/// The state of a domain, as `virsh domstate` names it.
pub(super) async fn state(virsh: &Virsh, name: &str) -> Result<String, ProviderError> {
    Ok(virsh.run(&["domstate", name]).await?.trim().to_owned())
}

/// Ends a domain if it runs, as pulling the plug does.
pub(super) async fn pull_the_plug(virsh: &Virsh, name: &str) -> Result<(), ProviderError> {
    if state(virsh, name).await? == "shut off" {
        return Ok(());
    }
    virsh.run(&["destroy", name]).await.map(drop)
}

/// Removes a domain; says false when it is somebody else's.
pub(super) async fn remove(virsh: &Virsh, name: &str, id: &str) -> Result<bool, ProviderError> {
    match state(virsh, name).await {
        Err(error) if is_absent(&error) => return Ok(true),
        other => other.map(drop)?,
    }
    let metadata = match virsh.run(&["metadata", name, "--uri", NAMESPACE]).await {
        Ok(metadata) => metadata,
        Err(error) if is_absent(&error) => return Ok(true),
        // A domain of somebody else's has nothing of ours.
        Err(ProviderError::Command { reason, .. }) if reason.contains("not present") => String::new(),
        Err(error) => return Err(error),
    };
    if !['"', '\''].iter().any(|quote| metadata.contains(&format!("id={quote}{id}{quote}"))) {
        return Ok(false);
    }
    if let Err(error) = pull_the_plug(virsh, name).await {
        // It may have ended meanwhile; one that was never defined is gone with that. One that goes on stays known.
        match state(virsh, name).await {
            Err(error) if is_absent(&error) => return Ok(true),
            Ok(state) if state == "shut off" => {}
            _ => return Err(error),
        }
    }
    match virsh.run(&["undefine", name, "--managed-save", "--nvram"]).await {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use askama::Template as _;

    use super::{Accelerator, DomainXml, Hardware};

    #[test]
    fn the_domain_says_what_the_machine_is_and_whose() {
        let xml = DomainXml {
            name: "pathlab-demo-rhel",
            uuid: "0-0",
            lab: "demo",
            id: "demo-1 & \"more\"",
            machine: "rhel",
            namespace: super::NAMESPACE,
            accelerator: Accelerator::Tcg,
            hardware: Hardware::default(),
            disk: "/images/pathlab-demo/rhel.0.qcow2",
            seed: "/images/pathlab-demo/rhel.seed.iso",
            console: "/images/pathlab-demo/rhel.console",
            mac: "52:54:00:00:00:01",
            network: "pathlab-demo",
        };
        let xml = xml.render().expect("XML");
        for part in [
            r#"<domain type="qemu">"#,
            r#"<cpu mode="maximum"/>"#,
            r#"lab="demo" id="demo-1 &#38; &#34;more&#34;" name="rhel"/>"#,
            r#"<memory unit="MiB">4096</memory>"#,
            r#"<source file="/images/pathlab-demo/rhel.0.qcow2"/>"#,
            r#"<source network="pathlab-demo"/>"#,
            r#"<source path="/images/pathlab-demo/rhel.console" append="on"/>"#,
        ] {
            assert!(xml.contains(part), "no {part} in {xml}");
        }
    }
}
