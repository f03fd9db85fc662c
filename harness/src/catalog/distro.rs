//! A distro: one operating system release and the host policy that a normal installation of it has.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::image::Image;

/// One file of `vm-images/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distro {
    /// Unique name, the file's stem: `rhel-9.5`.
    pub id: String,
    /// Full name: `Red Hat Enterprise Linux 9.5`.
    pub title: String,
    /// Other names on the command line and in scenarios: `rhel`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// How packages are installed and where configuration lives.
    pub family: Family,
    /// Cloud image of its virtual machines.
    pub image: Image,
    /// Size of its virtual machines.
    #[serde(default)]
    pub machine: Hardware,
    /// Versions that the release ships, for comparison with what really decided a result.
    #[serde(default)]
    pub versions: Versions,
    /// Shell lines that prepare a fresh virtual machine's packages, run as root, in order.
    #[serde(default)]
    pub prepare: Vec<String>,
    /// What a normal installation's host policy is.
    pub policy: Policy,
}

/// Size of a virtual machine. Without it: what MicroK8s recommends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hardware {
    /// Virtual processors.
    #[schemars(range(min = 1, max = 255))]
    pub cpus: u16,
    /// Memory, in MiB.
    #[schemars(range(min = 256))]
    pub memory_mib: u32,
    /// Disk, in GiB; an image that is bigger keeps its own size.
    #[schemars(range(min = 1))]
    pub disk_gib: u32,
}

impl Default for Hardware {
    fn default() -> Self {
        Self { cpus: 2, memory_mib: 4096, disk_gib: 20 }
    }
}

/// A family of distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// apt and dpkg.
    Debian,
    /// dnf and rpm, Enterprise Linux.
    El,
}

/// Versions that a release ships.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Kernel release.
    #[serde(default)]
    pub kernel: Option<String>,
    /// firewalld package version.
    #[serde(default)]
    pub firewalld: Option<String>,
    /// nftables package version.
    #[serde(default)]
    pub nft: Option<String>,
}

/// Host policy: firewall, sysctls, SELinux.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The host firewall.
    pub firewall: Firewall,
    /// sysctl settings under `net.` that differ from the kernel's defaults, by key.
    #[serde(default)]
    pub sysctls: BTreeMap<String, SysctlValue>,
    /// SELinux mode.
    #[serde(default)]
    pub selinux: Selinux,
}

/// A sysctl's value: a number or a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SysctlValue {
    /// A number.
    Number(i64),
    /// Anything else.
    Text(String),
}

/// The host firewall as installed. In files: `firewall: { kind: firewalld, … }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Firewall {
    /// None installed, or none running.
    None,
    /// firewalld, running.
    Firewalld {
        /// Default zone.
        #[serde(default = "public_zone")]
        default_zone: String,
        /// Settings of `firewalld.conf` that differ from firewalld's own defaults, by key.
        #[serde(default)]
        conf: BTreeMap<String, String>,
        /// What each changed zone allows, by zone name.
        #[serde(default)]
        zones: BTreeMap<String, Zone>,
    },
    /// ufw, installed.
    Ufw {
        /// Whether it is switched on.
        enabled: bool,
        /// Rules beyond the defaults, as arguments of `ufw`: `allow 22/tcp`.
        #[serde(default)]
        rules: Vec<String>,
    },
}

/// One firewalld zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// firewalld services that the zone lets in.
    #[serde(default)]
    pub services: Vec<String>,
    /// Ports that the zone lets in: `8080/tcp`.
    #[serde(default)]
    pub ports: Vec<String>,
    /// Interfaces bound to the zone.
    #[serde(default)]
    pub interfaces: Vec<String>,
    /// Source networks bound to the zone.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Whether packets between the zone's interfaces are forwarded. firewalld's default is yes since 1.0.
    #[serde(default = "yes")]
    pub forward: bool,
    /// Whether forwarded packets are masqueraded.
    #[serde(default)]
    pub masquerade: bool,
}

/// SELinux mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Selinux {
    /// Not built in, or off.
    #[default]
    Disabled,
    /// Logs only.
    Permissive,
    /// Enforces.
    Enforcing,
}

/// A firewall that remedies can be written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FirewallKind {
    /// firewalld.
    Firewalld,
    /// ufw, switched on or not.
    Ufw,
}

impl Firewall {
    /// Which firewall this is, if any.
    #[must_use]
    pub const fn kind(&self) -> Option<FirewallKind> {
        match self {
            Self::None => None,
            Self::Firewalld { .. } => Some(FirewallKind::Firewalld),
            Self::Ufw { .. } => Some(FirewallKind::Ufw),
        }
    }
}

impl fmt::Display for FirewallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Firewalld => "firewalld",
            Self::Ufw => "ufw",
        })
    }
}

fn public_zone() -> String {
    "public".to_owned()
}

const fn yes() -> bool {
    true
}

impl std::fmt::Display for SysctlValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}
