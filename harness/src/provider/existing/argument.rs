//! `--host DISTRO=[USER@]HOST[:PORT]`.

use std::{fmt, str::FromStr};

use crate::provider::ssh::{Destination, DestinationError};

/// A host, and which distro it is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostArgument {
    /// Id or alias of the distro.
    pub distro: String,
    /// Where the host is.
    pub destination: Destination,
}

/// A text that names no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostArgumentError {
    /// No `DISTRO=`.
    #[error("expected DISTRO=[USER@]HOST[:PORT], for instance `rhel=admin@192.0.2.10`")]
    NoDistro,
    /// The part behind it.
    #[error("{0}, for instance `rhel=admin@192.0.2.10`")]
    Destination(#[from] DestinationError),
}

impl FromStr for HostArgument {
    type Err = HostArgumentError;

    fn from_str(text: &str) -> Result<Self, HostArgumentError> {
        let (distro, destination) = text.split_once('=').ok_or(HostArgumentError::NoDistro)?;
        if distro.is_empty() || distro.contains('@') {
            return Err(HostArgumentError::NoDistro);
        }
        Ok(Self { distro: distro.to_owned(), destination: destination.parse()? })
    }
}

impl fmt::Display for HostArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.distro, self.destination)
    }
}

#[cfg(test)]
mod tests {
    use super::HostArgument;

    #[test]
    fn a_host_has_a_distro() {
        for text in ["rhel=admin@192.0.2.10", "ubuntu-22.04=[2001:db8::1]:2222", "rhel=customer"] {
            assert_eq!(text.parse::<HostArgument>().expect(text).to_string(), text);
        }
        for (text, said) in [
            ("192.0.2.10", "expected DISTRO="),
            ("=host", "expected DISTRO="),
            ("admin@host=x", "expected DISTRO="),
            ("rhel=", "there is no host"),
            ("rhel=::1", "an IPv6 address stands in brackets: [::1]"),
            ("rhel=host:99999", "`99999` is no port"),
        ] {
            let error = text.parse::<HostArgument>().expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
