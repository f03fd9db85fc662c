//! The MicroK8s that a scenario wants, where its cluster is one: channel and addons.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

/// The MicroK8s that a scenario wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MicroK8sChoice {
    /// Channel: `1.31/stable`; none when any will do.
    pub channel: Option<String>,
    /// Addons that must be enabled, in order.
    pub addons: Vec<Addon>,
}

/// One MicroK8s of the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Release {
    /// The newest of a channel.
    Channel(String),
    /// One revision, whichever channels it is in.
    Revision(u32),
}

/// An addon of MicroK8s's own repository (`core`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addon {
    /// `CoreDNS` at 10.152.183.10.
    Dns,
    /// An ingress controller on the nodes' ports 80 and 443.
    Ingress,
    /// A storage class for folders of the node.
    HostpathStorage,
    /// Addresses for Services of type `LoadBalancer`, from the first to the last.
    Metallb(IpAddr, IpAddr),
}

/// A text that is no addon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseAddonError {
    /// No such name.
    #[error("`{0}` is no addon that a lab knows; expected one of {names}", names = Addon::NAMES.join(", "))]
    Unknown(String),
    /// `metallb` without the addresses that it may give away, or with a range that is none.
    #[error("`{0}` needs a range of addresses, from the first to the last: metallb:192.0.2.240-192.0.2.250")]
    Range(String),
}

/// Risks of a channel.
const RISKS: [&str; 4] = ["stable", "candidate", "beta", "edge"];

impl Default for MicroK8sChoice {
    fn default() -> Self {
        Self { channel: None, addons: vec![Addon::Dns, Addon::Ingress] }
    }
}

impl Addon {
    /// How each may be written.
    pub const NAMES: [&str; 4] = ["dns", "ingress", "hostpath-storage", "metallb:FIRST-LAST"];

    /// Its name, as the status says it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Ingress => "ingress",
            Self::HostpathStorage => "hostpath-storage",
            Self::Metallb(..) => "metallb",
        }
    }

    /// The argument of `microk8s enable`.
    #[must_use]
    pub fn argument(&self) -> String {
        match self {
            Self::Metallb(first, last) => format!("metallb:{first}-{last}"),
            other => other.name().to_owned(),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(channel) => f.write_str(channel),
            Self::Revision(revision) => write!(f, "revision {revision}"),
        }
    }
}

impl FromStr for Addon {
    type Err = ParseAddonError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "dns" => Ok(Self::Dns),
            "ingress" => Ok(Self::Ingress),
            "hostpath-storage" => Ok(Self::HostpathStorage),
            _ => match text.strip_prefix("metallb") {
                Some(rest) if rest.is_empty() || rest.starts_with(':') => {
                    range(rest).ok_or_else(|| ParseAddonError::Range(text.to_owned()))
                }
                _ => Err(ParseAddonError::Unknown(text.to_owned())),
            },
        }
    }
}

/// `:FIRST-LAST`, both of one version of IP and in order.
fn range(text: &str) -> Option<Addon> {
    let (first, last) = text.strip_prefix(':')?.split_once('-')?;
    let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Addon::Metallb(first, last))
}

/// Whether a text is a channel as `snap list` tells it: TRACK/RISK, with or without a branch.
pub(super) fn is_channel(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let plain = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    matches!(parts.len(), 2 | 3) && parts.iter().all(plain) && RISKS.contains(&parts[1])
}

#[cfg(test)]
mod tests {
    use super::{Addon, is_channel};

    #[test]
    fn metallb_wants_its_range() {
        let metallb: Addon = "metallb:192.0.2.10-192.0.2.20".parse().expect("a range");
        assert_eq!(metallb.argument(), "metallb:192.0.2.10-192.0.2.20");
        for text in
            ["metallb", "metallb:", "metallb:192.0.2.10", "metallb:192.0.2.20-192.0.2.10", "metallb:::1-192.0.2.1"]
        {
            let error = text.parse::<Addon>().expect_err(text).to_string();
            assert!(error.starts_with(&format!("`{text}` needs a range")), "{error}");
        }
    }

    #[test]
    fn other_addons_are_words() {
        for (text, addon) in
            [("dns", Addon::Dns), ("ingress", Addon::Ingress), ("hostpath-storage", Addon::HostpathStorage)]
        {
            assert_eq!(text.parse(), Ok(addon.clone()));
            assert_eq!(addon.argument(), text);
        }
        let error = "dashboard".parse::<Addon>().expect_err("not known").to_string();
        assert!(error.ends_with("expected one of dns, ingress, hostpath-storage, metallb:FIRST-LAST"), "{error}");
    }

    #[test]
    fn channels_have_a_track_and_a_risk() {
        for text in ["1.32/stable", "latest/edge", "1.32-strict/candidate", "1.32/beta/fix-1"] {
            assert!(is_channel(text), "{text}");
        }
        for text in ["", "1.32", "stable", "1.32/", "/stable", "1.32/good", "1.32/stable/", "1.32 /stable", "a/b/c/d"] {
            assert!(!is_channel(text), "{text}");
        }
    }
}
