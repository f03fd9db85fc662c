//! Networks in CIDR notation, of both families.

use std::{fmt, net::IpAddr, str::FromStr};

/// A network: `10.1.0.0/16`. Bits behind the prefix are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    base: IpAddr,
    length: u8,
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network, expected for instance 10.1.0.0/16 or 2001:db8::/64")]
pub struct ParseCidrError(String);

impl Cidr {
    /// The network that holds one address.
    #[must_use]
    pub const fn host(address: IpAddr) -> Self {
        Self { base: address, length: bits(address) }
    }

    /// The network of this length around an address; none when the length is too long.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        (length <= bits(address)).then(|| Self { base: masked(address, length), length })
    }

    /// Whether the network is of IPv6.
    #[must_use]
    pub const fn is_ipv6(self) -> bool {
        self.base.is_ipv6()
    }

    /// Whether the address is in the network.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.is_ipv6() == address.is_ipv6() && masked(address, self.length) == self.base
    }

    /// Whether the other network is in this one, and smaller.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        other.length > self.length && self.contains(other.base)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.length)
    }
}

impl FromStr for Cidr {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('/').and_then(|(address, length)| {
            let digits = !length.is_empty() && length.chars().all(|c| c.is_ascii_digit());
            digits.then(|| Self::new(address.parse().ok()?, length.parse().ok()?))?
        });
        parsed.ok_or_else(|| ParseCidrError(text.to_owned()))
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cidr;

    fn cidr(text: &str) -> Cidr {
        text.parse().expect(text)
    }

    #[test]
    fn networks_hold_addresses_and_networks() {
        assert_eq!(cidr("10.1.2.3/16").to_string(), "10.1.0.0/16");
        assert_eq!(cidr("fd00::1/8").to_string(), "fd00::/8");
        for (network, address, inside) in [
            ("10.1.0.0/16", "10.1.255.255", true),
            ("10.1.0.0/16", "10.2.0.0", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("2001:db8::1/128", "2001:db8::1", true),
            ("2001:db8::1/128", "2001:db8::2", false),
        ] {
            assert_eq!(cidr(network).contains(address.parse().expect(address)), inside, "{network} {address}");
        }
        assert!(cidr("10.0.0.0/8").holds(cidr("10.1.0.0/16")));
        assert!(!cidr("10.1.0.0/16").holds(cidr("10.1.0.0/16")));
        assert!(!cidr("10.1.0.0/16").holds(cidr("10.0.0.0/8")));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "10.1.0.0", "10.1.0.0/33", "::/129", "10.1.0/16", "10.1.0.0/+8", "10.1.0.0/"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
