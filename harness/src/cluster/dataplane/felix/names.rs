//! Names of Felix's chains: as long as iptables allows, with a hash where the whole name does not fit.

use sha2::{Digest, Sha224};

use crate::cluster::dataplane::policies::Policy;

/// Letters of a chain's name at most.
const MOST_LETTERS: usize = 28;

/// Which side of a pod a chain is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the pod.
    Ingress,
    /// From the pod.
    Egress,
}

impl Direction {
    /// The chain of a pod's interface.
    pub fn endpoint_chain(self, interface: &str) -> String {
        let prefix = match self {
            Self::Ingress => "cali-tw-",
            Self::Egress => "cali-fw-",
        };
        limited(prefix, interface)
    }

    /// The chain of a policy.
    pub fn policy_chain(self, policy: &Policy) -> String {
        let prefix = match self {
            Self::Ingress => "cali-pi-",
            Self::Egress => "cali-po-",
        };
        limited(prefix, &format!("default/{}/knp.default.{}", policy.namespace, policy.name))
    }

    /// The chain of a namespace's profile, for pods without policies.
    pub fn profile_chain(self, namespace: &str) -> String {
        let prefix = match self {
            Self::Ingress => "cali-pri-",
            Self::Egress => "cali-pro-",
        };
        limited(prefix, &format!("kns.{namespace}"))
    }

    /// The chain that leads to the pods' own.
    pub const fn dispatch_chain(self) -> &'static str {
        match self {
            Self::Ingress => "cali-to-wl-dispatch",
            Self::Egress => "cali-from-wl-dispatch",
        }
    }

    /// What the pod's interface is to a packet.
    pub const fn interface_flag(self) -> &'static str {
        match self {
            Self::Ingress => "-o",
            Self::Egress => "-i",
        }
    }

    /// What the other end's address is to a packet.
    pub const fn peer_flag(self) -> &'static str {
        match self {
            Self::Ingress => "-s",
            Self::Egress => "-d",
        }
    }

    /// The word for comments.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

fn limited(prefix: &str, name: &str) -> String {
    if prefix.len() + name.len() <= MOST_LETTERS {
        return format!("{prefix}{name}");
    }
    let letters = MOST_LETTERS - prefix.len() - 1;
    format!("{prefix}_{}", &base64(&Sha224::digest(name))[..letters])
}

/// Base 64 with the letters for URLs (RFC 4648), without padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, index| bits << 8 | u32::from(chunk.get(index).copied().unwrap_or(0)));
        for letter in 0..=chunk.len() {
            text.push(char::from(LETTERS[(bits >> (18 - 6 * letter) & 63) as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Direction, MOST_LETTERS, base64, limited};

    #[test]
    fn names_fit_iptables() {
        assert_eq!(Direction::Ingress.endpoint_chain("cali0123456789a"), "cali-tw-cali0123456789a");
        assert_eq!(Direction::Ingress.profile_chain("default"), "cali-pri-kns.default");
        let long = limited("cali-pi-", "default/shop/knp.default.front");
        assert!(long.starts_with("cali-pi-_") && long.len() == MOST_LETTERS, "{long}");
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in
            [(&b"f"[..], "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"foobar", "Zm9vYmFy"), (&[255; 3], "____")]
        {
            assert_eq!(base64(bytes), text);
        }
    }
}
