//! An access path: where a connection starts, what it aims at, over what, with how much.

use std::{fmt, net::IpAddr, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares a closed set of words with their names in files, in one place.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every member, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that files and reports use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ParsePathError;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|member| member.as_str() == word).ok_or_else(|| {
                    ParsePathError(format!(
                        "`{word}` is not one of {}",
                        Self::ALL.iter().map(|member| member.as_str()).collect::<Vec<_>>().join(", "),
                    ))
                })
            }
        }
    };
}
pub(super) use words;

words! {
    /// Where a connection starts. "remote" is seen from the backend pod.
    Vantage {
        /// The backend pod's node.
        Node = "node",
        /// Another node.
        RemoteNode = "remote-node",
        /// A pod on the backend's node.
        Pod = "pod",
        /// A pod on another node.
        RemotePod = "remote-pod",
        /// The backend pod itself; to its own service, this is a hairpin.
        Backend = "backend",
        /// The ingress controller's pod.
        Ingress = "ingress",
        /// A host outside of the cluster, on the same network as the nodes.
        Outside = "outside",
    }
}

words! {
    /// What a connection aims at.
    Target {
        /// The backend pod's own address.
        PodIp = "pod-ip",
        /// The service's cluster address.
        Service = "service",
        /// The service by its name.
        ServiceDns = "service-dns",
        /// The service's node port on the backend's node.
        NodePort = "node-port",
        /// The service's node port on another node.
        RemoteNodePort = "remote-node-port",
        /// The backend pod's host port on its node.
        HostPort = "host-port",
        /// The ingress controller's HTTP port on the backend's node.
        Ingress = "ingress",
        /// The cluster's DNS service.
        Dns = "dns",
        /// The Kubernetes API through its service address from pods, on the node's address elsewhere.
        ApiServer = "api-server",
    }
}

words! {
    /// Over what a path runs.
    Protocol {
        /// HTTP/1.1.
        Http = "http",
        /// A plain TCP stream.
        Tcp = "tcp",
        /// UDP datagrams.
        Udp = "udp",
    }
}

words! {
    /// How much a path carries.
    Payload {
        /// A request and an answer that fit in one packet.
        Small = "small",
        /// Bodies of many packets, in both directions.
        Large = "large",
    }
}

words! {
    /// Over which version of IP a path runs.
    #[derive(Default)]
    IpFamily {
        /// IPv4.
        #[default]
        Ipv4 = "ipv4",
        /// IPv6.
        Ipv6 = "ipv6",
    }
}

impl IpFamily {
    /// The version of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }
}

/// One way of reaching the workload. Its text form is `FROM-to-TARGET[:tcp|:udp][:large][:ipv6]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessPath {
    /// Where it starts.
    pub from: Vantage,
    /// What it aims at.
    pub to: Target,
    /// Over what.
    pub protocol: Protocol,
    /// With how much.
    pub payload: Payload,
    /// Over which version of IP.
    pub family: IpFamily,
}

/// A word or name that is no part of an access path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParsePathError(pub String);

impl fmt::Display for AccessPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = format!("{}-to-{}", self.from, self.to);
        if self.protocol != Protocol::Http {
            name.push(':');
            name.push_str(self.protocol.as_str());
        }
        if self.payload == Payload::Large {
            name.push_str(":large");
        }
        if self.family == IpFamily::Ipv6 {
            name.push_str(":ipv6");
        }
        f.pad(&name)
    }
}

impl FromStr for AccessPath {
    type Err = ParsePathError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut parts = name.split(':');
        let ends = parts.next().unwrap_or_default();
        let (from, to) = ends
            .split_once("-to-")
            .ok_or_else(|| ParsePathError(format!("`{name}` is no access path; expected FROM-to-TARGET")))?;
        let (protocol, payload, family) = (Protocol::Http, Payload::Small, IpFamily::Ipv4);
        let mut path = Self { from: from.parse()?, to: to.parse()?, protocol, payload, family };
        for part in parts {
            if part == Payload::Large.as_str() {
                path.payload = Payload::Large;
            } else if part == IpFamily::Ipv6.as_str() {
                path.family = IpFamily::Ipv6;
            } else {
                path.protocol = part.parse()?;
            }
        }
        if path.to_string() == name {
            Ok(path)
        } else {
            Err(ParsePathError(format!("`{name}` is no access path; did you mean `{path}`?")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessPath, IpFamily, Payload, Protocol, Target, Vantage};

    #[test]
    fn every_path_reads_back() {
        for &from in Vantage::ALL {
            for &to in Target::ALL {
                for &protocol in Protocol::ALL {
                    for &payload in Payload::ALL {
                        for &family in IpFamily::ALL {
                            let path = AccessPath { from, to, protocol, payload, family };
                            assert_eq!(path.to_string().parse(), Ok(path));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn other_names_are_refused() {
        for name in [
            "",
            "pod",
            "pod-to-",
            "pod-to-mars",
            "pod-to-service:large:udp",
            "pod-to-service:http",
            "pod-to-service:ipv4",
        ] {
            assert!(name.parse::<AccessPath>().is_err(), "{name}");
        }
    }
}
