//! What the machines of a distro were, beside what its file declares. Pure.

use super::observation::Observation;
use crate::{
    catalog::distro::Distro,
    hex,
    model::report::{Declared, MachineReport},
};

/// The machines of the distro whose name the observed clusters bear.
pub(super) fn of_cluster(distro: &Distro, seen: &[&Observation]) -> MachineReport {
    let first = seen.first();
    MachineReport {
        verified: first.map(|seen| seen.hosts.verified.clone()).unwrap_or_default(),
        drift: first.map(|seen| seen.hosts.drift.clone()).unwrap_or_default(),
        ..of(distro, seen)
    }
}

/// The machines of any distro in the observed clusters: what the first of them that has one says.
pub(super) fn of(distro: &Distro, seen: &[&Observation]) -> MachineReport {
    let (id, versions) = (&distro.id, &distro.versions);
    let seen = seen.iter().find(|seen| seen.versions.contains_key(id));
    let mut machine = seen.and_then(|seen| seen.versions.get(id)).cloned().unwrap_or_default();
    machine.declared = Declared {
        kernel: versions.kernel.clone(),
        firewalld: versions.firewalld.clone(),
        nft: versions.nft.clone(),
        selinux: Some(format!("{:?}", distro.policy.selinux).to_lowercase()),
        policy: serde_json::to_vec(&distro.policy).ok().map(hex::sha256),
    };
    let of_policy = seen.and_then(|seen| seen.hosts.not_covered.get(id)).into_iter().flatten();
    machine.not_covered = not_covered(&machine, of_policy);
    machine
}

/// What a machine cannot carry of the distro: its kernel, unless it is a whole one, and what the policy could not set.
fn not_covered<'a>(machine: &MachineReport, of_policy: impl Iterator<Item = &'a String>) -> Vec<String> {
    let own_kernel = machine.image.is_some();
    let kernel = machine.declared.kernel.iter().filter(|_| !own_kernel).map(|kernel| format!("kernel {kernel}"));
    let versions = [
        ("firewalld", &machine.declared.firewalld, &machine.firewalld),
        ("nftables", &machine.declared.nft, &machine.nft),
    ];
    let versions = versions.into_iter().filter_map(|(name, declared, real)| match (declared, real) {
        (Some(declared), Some(real)) if !declared.starts_with(real.as_str()) => Some(format!("{name} {declared}")),
        _ => None,
    });
    kernel.chain(versions).chain(of_policy.cloned()).collect()
}
