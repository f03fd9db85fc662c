//! Versions that decided the result, in words.

use crate::model::report::{Host, MachineReport, Run};

/// `kernel 6.18.5`, `firewalld 1.3.3`, … of the host.
pub(super) fn of_host(host: &Host) -> Vec<(&'static str, &str)> {
    let tools = [
        ("firewalld", &host.firewalld),
        ("nft", &host.nft),
        ("iptables", &host.iptables),
        ("ufw", &host.ufw),
        ("nginx", &host.nginx),
        ("dnsmasq", &host.dnsmasq),
        ("Kubernetes", &host.kubernetes),
        ("containerd", &host.containerd),
        ("libvirt", &host.libvirt),
        ("QEMU", &host.qemu),
    ];
    let found = tools.into_iter().filter_map(|(name, version)| Some((name, version.as_deref()?)));
    std::iter::once(("kernel", host.kernel.as_str())).chain(found).collect()
}

/// `kernel 6.18.5 (declared 5.14.0)`, … of a machine.
pub(super) fn of_machine(machine: &MachineReport) -> Vec<String> {
    let declared = &machine.declared;
    let rows = [
        ("kernel", Some(machine.kernel.as_str()), declared.kernel.as_deref()),
        ("firewalld", machine.firewalld.as_deref(), declared.firewalld.as_deref()),
        ("nft", machine.nft.as_deref(), declared.nft.as_deref()),
    ];
    let selinux = declared.selinux.as_ref().map(|mode| format!("SELinux declared {mode}"));
    let processor = machine.processor.as_ref().map(|word| match word.as_str() {
        "tcg" => "emulated by QEMU (tcg)".to_owned(),
        other => format!("run by {other}"),
    });
    let versions = rows.into_iter().filter_map(|(name, here, declared)| beside(name, here, declared));
    versions.chain(selinux).chain(processor).collect()
}

fn beside(name: &str, here: Option<&str>, declared: Option<&str>) -> Option<String> {
    match (here.filter(|version| !version.is_empty()), declared) {
        (None, None) => None,
        (Some(here), None) => Some(format!("{name} {here}")),
        (Some(here), Some(declared)) if here == declared => Some(format!("{name} {here}, as declared")),
        (Some(here), Some(declared)) => Some(format!("{name} {here} (declared {declared})")),
        (None, Some(declared)) => Some(format!("{name} not found (declared {declared})")),
    }
}

/// `netns lab, dataplane cluster`.
pub(super) fn of_lab(run: &Run) -> String {
    format!("{} lab, {} cluster", run.provider, run.cluster)
}
