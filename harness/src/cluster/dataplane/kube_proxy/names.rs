//! Names of kube-proxy's chains: hashes, the same as the real ones.

use sha2::{Digest, Sha256};

use crate::cluster::dataplane::state::{Endpoint, Service, ServicePort};

/// Which chain of a service port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// All endpoints.
    Service,
    /// Endpoints on the node itself.
    Local,
    /// Traffic from outside.
    External,
}

/// What names a service port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortId {
    /// `NAMESPACE/SERVICE:PORT`, without the colon when the port has no name.
    pub name: String,
    transport: &'static str,
}

impl PortId {
    /// The id of a port of a service.
    pub fn new(service: &Service, port: &ServicePort) -> Self {
        let mut name = service.full_name();
        if let Some(port) = &port.name {
            name.push(':');
            name.push_str(port);
        }
        Self { name, transport: port.transport.as_str() }
    }

    /// Name of one of the port's chains.
    pub fn chain(&self, chain: Chain) -> String {
        let prefix = match chain {
            Chain::Service => "KUBE-SVC-",
            Chain::Local => "KUBE-SVL-",
            Chain::External => "KUBE-EXT-",
        };
        format!("{prefix}{}", hash(&format!("{}{}", self.name, self.transport)))
    }

    /// Name of an endpoint's chain.
    pub fn endpoint_chain(&self, endpoint: Endpoint) -> String {
        format!("KUBE-SEP-{}", hash(&format!("{}{}{}", self.name, self.transport, endpoint.socket())))
    }
}

/// The first 16 letters of the SHA-256 in base 32 (RFC 4648).
fn hash(text: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(text);
    // 16 letters of 5 bits are 10 bytes.
    let bits = digest[..10].iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    (0..16).rev().map(|letter| char::from(LETTERS[usize::try_from(bits >> (letter * 5) & 31).unwrap_or(0)])).collect()
}

#[cfg(test)]
mod tests {
    use super::{Chain, PortId};

    #[test]
    fn names_are_those_of_a_real_cluster() {
        // As seen on clusters everywhere: `default/kubernetes:https`, `kube-system/kube-dns:dns`.
        for (name, transport, chain) in [
            ("default/kubernetes:https", "tcp", "KUBE-SVC-NPX46M4PTMTKRN6Y"),
            ("kube-system/kube-dns:dns", "udp", "KUBE-SVC-TCOU7JCQXEZGVUNU"),
            ("kube-system/kube-dns:dns-tcp", "tcp", "KUBE-SVC-ERIFXISQEP7F7OF4"),
        ] {
            assert_eq!(PortId { name: name.to_owned(), transport }.chain(Chain::Service), chain);
        }
    }
}
