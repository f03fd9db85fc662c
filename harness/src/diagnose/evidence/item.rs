//! What is collected: one program each, the same on every machine.

use std::{fmt, time::Duration};

use crate::provider::Command;

/// One thing to collect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Part of the system.
    pub area: Area,
    /// Name within the area; the file in the archive is `AREA/NAME.txt`.
    pub name: String,
    /// What prints it.
    pub command: Command,
}

/// A part of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Area {
    Firewalld,
    Ufw,
    Nftables,
    Iptables,
    Sysctl,
    Routes,
    Interfaces,
    Offloads,
    Neighbours,
    NetworkManager,
    Selinux,
    Modules,
    Versions,
    Counters,
    Logs,
}

/// No program of the set takes longer than a few seconds, except where a machine is very busy.
const LIMIT: Duration = Duration::from_secs(20);

impl Area {
    /// The name that reports and archives use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firewalld => "firewalld",
            Self::Ufw => "ufw",
            Self::Nftables => "nftables",
            Self::Iptables => "iptables",
            Self::Sysctl => "sysctl",
            Self::Routes => "routes",
            Self::Interfaces => "interfaces",
            Self::Offloads => "offloads",
            Self::Neighbours => "neighbours",
            Self::NetworkManager => "network-manager",
            Self::Selinux => "selinux",
            Self::Modules => "modules",
            Self::Versions => "versions",
            Self::Counters => "counters",
            Self::Logs => "logs",
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Item {
    /// A program with its arguments.
    #[must_use]
    pub fn program(area: Area, name: &str, argv: &[&str]) -> Self {
        let command = Command::new(argv.iter().copied()).limit(LIMIT);
        Self { area, name: name.to_owned(), command }
    }

    /// A shell line.
    #[must_use]
    pub fn shell(area: Area, name: &str, line: &str) -> Self {
        Self { area, name: name.to_owned(), command: Command::shell(line).limit(LIMIT) }
    }

    /// The log of a component of the cluster: its lines and errors are counted and compared.
    #[must_use]
    pub fn log(component: &str, command: Command) -> Self {
        Self { area: Area::Logs, name: component.to_owned(), command: command.limit(LIMIT) }
    }

    /// Its file in the archive.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}.txt", self.area, self.name)
    }
}

/// Prints files with their names, those that are there.
const FILES: &str = "for file in $FILES; do [ -f \"$file\" ] && echo \"# $file\" && cat \"$file\"; done; :";

fn files(area: Area, name: &str, patterns: &str) -> Item {
    Item::shell(area, name, &FILES.replace("$FILES", patterns))
}

/// The set that is collected on every machine.
#[must_use]
pub fn standard() -> Vec<Item> {
    [firewalls(), network(), system()].concat()
}

fn firewalls() -> Vec<Item> {
    use Area::{Firewalld, Iptables, Nftables, Ufw};
    vec![
        Item::program(Firewalld, "state", &["firewall-cmd", "--state"]),
        Item::program(Firewalld, "default-zone", &["firewall-cmd", "--get-default-zone"]),
        Item::program(Firewalld, "zones", &["firewall-cmd", "--list-all-zones"]),
        Item::program(Firewalld, "policies", &["firewall-cmd", "--list-all-policies"]),
        files(Firewalld, "files", "/etc/firewalld/firewalld.conf /etc/firewalld/*/*.xml"),
        Item::program(Ufw, "status", &["ufw", "status", "verbose"]),
        files(Ufw, "files", "/etc/ufw/ufw.conf /etc/default/ufw /etc/ufw/*.rules"),
        Item::program(Nftables, "ruleset", &["nft", "-a", "list", "ruleset"]),
        Item::program(Iptables, "save", &["iptables-save", "-c"]),
        Item::program(Iptables, "save6", &["ip6tables-save", "-c"]),
        Item::shell(Iptables, "legacy", "[ ! -s /proc/net/ip_tables_names ] || iptables-legacy-save -c"),
    ]
}

fn network() -> Vec<Item> {
    use Area::{Counters, Interfaces, Neighbours, NetworkManager, Offloads, Routes, Sysctl};
    vec![
        Item::shell(Sysctl, "net", "sysctl -a 2>/dev/null | grep '^net\\.' || :"),
        Item::program(Routes, "routes", &["ip", "route", "show", "table", "all"]),
        Item::program(Routes, "rules", &["ip", "rule"]),
        Item::program(Interfaces, "addresses", &["ip", "-d", "address"]),
        Item::program(Neighbours, "neighbours", &["ip", "neighbour"]),
        Item::program(Neighbours, "fdb", &["bridge", "fdb", "show"]),
        Item::shell(
            Offloads,
            "features",
            "ip -o link | cut -d: -f2 | cut -d@ -f1 | while read -r link; do echo \"# $link\"; ethtool -k \"$link\"; done",
        ),
        Item::program(Counters, "kernel", &["cat", "/proc/net/snmp", "/proc/net/netstat", "/proc/net/dev"]),
        Item::program(NetworkManager, "devices", &["nmcli", "-t", "-f", "DEVICE,TYPE,STATE", "device"]),
        files(NetworkManager, "files", "/etc/NetworkManager/NetworkManager.conf /etc/NetworkManager/conf.d/*.conf"),
        Item::program(
            NetworkManager,
            "cloud-setup",
            &["systemctl", "is-enabled", "nm-cloud-setup.service", "nm-cloud-setup.timer"],
        ),
    ]
}

fn system() -> Vec<Item> {
    use Area::{Modules, Selinux, Versions};
    vec![
        Item::program(Selinux, "mode", &["getenforce"]),
        Item::shell(Modules, "modules", "cut -d' ' -f1 /proc/modules | sort"),
        Item::program(Versions, "kernel", &["uname", "-sr"]),
        Item::program(Versions, "os-release", &["cat", "/etc/os-release"]),
        Item::program(Versions, "firewalld", &["firewall-cmd", "--version"]),
        Item::program(Versions, "nft", &["nft", "--version"]),
        Item::program(Versions, "iptables", &["iptables", "--version"]),
        Item::program(Versions, "ufw", &["ufw", "--version"]),
        Item::program(Versions, "ip", &["ip", "-V"]),
        Item::program(Versions, "systemd", &["systemctl", "--version"]),
    ]
}
