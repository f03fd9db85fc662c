//! The addons that a lab's workloads need.

use std::net::IpAddr;

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

impl Addon {
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

#[cfg(test)]
mod tests {
    use super::Addon;

    #[test]
    fn metallb_wants_its_range() {
        let ip = |text: &str| text.parse().expect("an address");
        assert_eq!(Addon::Metallb(ip("192.0.2.10"), ip("192.0.2.20")).argument(), "metallb:192.0.2.10-192.0.2.20");
        assert_eq!(Addon::HostpathStorage.argument(), "hostpath-storage");
    }
}
