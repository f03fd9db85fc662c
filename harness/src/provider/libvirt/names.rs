//! Names, numbers and addresses of what a lab makes in libvirt: all follow from the lab's name and id.
//!
//! libvirt's UUIDs carry the identity: one that follows from the lab's id cannot be anybody else's, whatever the
//! name. Domains hold the lab's id in their metadata, too.

use std::net::{IpAddr, Ipv4Addr};

use sha2::{Digest as _, Sha256};

use crate::{hex, ledger::Record};

/// XML namespace of the metadata.
pub(super) const NAMESPACE: &str = "https://pathlab.dev/xmlns/libvirt/1";

/// The last part of the machines' addresses starts here.
const FIRST_HOST: u8 = 10;

/// The last part of the highest address that a machine may have.
const LAST_HOST: u8 = 249;

/// The last part of the address of a host outside of the lab's machines.
const OUTSIDE: u8 = 250;

/// Networks of labs are 192.168.N.0/24 with N from this…
const FIRST_NETWORK: u8 = 130;

/// …and so many of them.
pub(super) const NETWORKS: u8 = 120;

/// Names of a lab's things in libvirt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// The lab's name.
    pub lab: String,
    /// The lab's id.
    pub id: String,
}

impl Names {
    pub(super) fn of(record: &Record) -> Self {
        Self { lab: record.name.to_string(), id: record.id.clone() }
    }

    /// The network and the storage pool.
    pub(super) fn shared(&self) -> String {
        format!("pathlab-{}", self.lab)
    }

    /// A machine.
    pub(super) fn domain(&self, machine: &str) -> String {
        format!("pathlab-{}-{machine}", self.lab)
    }

    /// The bridge of the network: an interface's name has 15 characters at most.
    pub(super) fn bridge(&self) -> String {
        format!("pl{}", hex::of(&self.hash("bridge")[..5]))
    }

    /// UUID of something, in the form of a random one.
    pub(super) fn uuid(&self, kind: &str, name: &str) -> String {
        let mut bytes = self.hash(&format!("{kind} {name}"));
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let text = hex::of(&bytes[..16]);
        format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
    }

    /// MAC address of a machine, in QEMU's range.
    pub(super) fn mac(&self, machine: &str) -> String {
        let bytes = self.hash(&format!("mac {machine}"));
        format!("52:54:00:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2])
    }

    /// The third part of the network's addresses, at the given try.
    pub(super) fn subnet(&self, attempt: u8) -> u8 {
        let start = self.hash("network")[0] % NETWORKS;
        FIRST_NETWORK + (start + attempt) % NETWORKS
    }

    fn hash(&self, what: &str) -> [u8; 32] {
        Sha256::digest(format!("pathlab {} {what}", self.id)).into()
    }
}

/// Address of the machine with this number, counted from 0. A lab has far fewer machines than addresses.
pub(super) fn address(subnet: u8, number: usize) -> Ipv4Addr {
    let host = u8::try_from(number).unwrap_or(u8::MAX).saturating_add(FIRST_HOST);
    Ipv4Addr::new(192, 168, subnet, host)
}

/// The highest address that a machine may have in a network.
pub(super) const fn last_address(subnet: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, subnet, LAST_HOST)
}

/// The address that no machine has in the lab's own network of a machine; none in other networks.
pub(super) const fn address_outside(machine: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V4(machine) = machine else { return None };
    let [_, _, subnet, _] = machine.octets();
    Some(Ipv4Addr::new(192, 168, subnet, OUTSIDE))
}

#[cfg(test)]
mod tests {
    use super::{FIRST_NETWORK, NETWORKS, Names, address};

    #[test]
    fn identity_follows_from_the_lab_s_id() {
        let of = |id: &str| Names { lab: "demo".to_owned(), id: id.to_owned() };
        let (one, other) = (of("demo-1"), of("demo-2"));
        assert_eq!(one.uuid("domain", "rhel"), of("demo-1").uuid("domain", "rhel"));
        assert_ne!(one.uuid("domain", "rhel"), other.uuid("domain", "rhel"));
        assert_ne!(one.uuid("domain", "rhel"), one.uuid("domain", "ubuntu"));
        assert_ne!(one.mac("rhel"), one.mac("ubuntu"));
        assert!(one.bridge().len() <= 15);
        let uuid = one.uuid("pool", "");
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
    }

    #[test]
    fn every_network_is_tried_once() {
        let names = Names { lab: "demo".to_owned(), id: "demo-1".to_owned() };
        let mut tried: Vec<u8> = (0..NETWORKS).map(|attempt| names.subnet(attempt)).collect();
        tried.sort_unstable();
        tried.dedup();
        assert_eq!(tried.len(), usize::from(NETWORKS));
        assert!(tried[0] >= FIRST_NETWORK);
        assert_eq!(address(130, 1).to_string(), "192.168.130.11");
    }
}
