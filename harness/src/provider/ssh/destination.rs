//! Where somebody logs in, as they would write it behind `ssh`.

use std::{fmt, net::Ipv6Addr, str::FromStr};

/// `[USER@]HOST[:PORT]`. The host is an address, a name, or an alias of the user's own SSH configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// Login user; the configuration's when none is given.
    pub user: Option<String>,
    /// Host, without the brackets of an IPv6 address.
    pub host: String,
    /// Port; the configuration's when none is given.
    pub port: Option<u16>,
}

/// A text that is no destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// Nothing there.
    #[error("there is no host: expected [USER@]HOST[:PORT]")]
    NoHost,
    /// A user name that SSH or a shell would read otherwise.
    #[error("`{0}` is no user name")]
    User(String),
    /// A host name that cannot be one.
    #[error("`{0}` is no host name")]
    Host(String),
    /// A port that is none.
    #[error("`{0}` is no port: expected a number from 1 to 65535")]
    Port(String),
    /// An IPv6 address whose last part would be a port.
    #[error("an IPv6 address stands in brackets: [{0}] or [{0}]:22")]
    Brackets(String),
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, text),
        };
        if let Some(user) = user.as_ref().filter(|user| !is_plain(user)) {
            return Err(DestinationError::User(user.clone()));
        }
        let (host, port) = split(place)?;
        if host.is_empty() {
            return Err(DestinationError::NoHost);
        }
        if !is_plain(host) {
            return Err(DestinationError::Host(host.to_owned()));
        }
        let number = |text: &str| text.parse().ok().filter(|port| *port > 0);
        let port = port.map(|text| number(text).ok_or_else(|| DestinationError::Port(text.to_owned()))).transpose()?;
        Ok(Self { user, host: host.to_owned(), port })
    }
}

/// Host and port.
fn split(place: &str) -> Result<(&str, Option<&str>), DestinationError> {
    if let Some(rest) = place.strip_prefix('[') {
        let wrong = || DestinationError::Host(place.to_owned());
        let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
        // A zone (`%eth0`) belongs to the address.
        host.split('%').next().unwrap_or_default().parse::<Ipv6Addr>().map_err(|_| wrong())?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(wrong()),
        };
    }
    match place.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(DestinationError::Brackets(place.to_owned())),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((place, None)),
    }
}

/// Whether it is a word of its own that no program takes for an option.
fn is_plain(word: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._:%+@".contains(letter);
    !word.is_empty() && !word.starts_with('-') && word.chars().all(plain)
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Destination, DestinationError};

    #[test]
    fn what_ssh_takes_is_taken() {
        for (text, user, host, port) in [
            ("192.0.2.10", None, "192.0.2.10", None),
            ("admin@rhel.example:2222", Some("admin"), "rhel.example", Some(2222)),
            ("customer-3", None, "customer-3", None),
            ("root@[2001:db8::1]:22", Some("root"), "2001:db8::1", Some(22)),
            ("[fe80::1%eth0]", None, "fe80::1%eth0", None),
            ("jane@corp@jump", Some("jane@corp"), "jump", None),
        ] {
            let destination: Destination = text.parse().expect(text);
            assert_eq!((destination.user.as_deref(), &*destination.host, destination.port), (user, host, port));
            assert_eq!(destination.to_string(), text);
        }
    }

    #[test]
    fn what_is_none_says_why() {
        let said = |text: &str| text.parse::<Destination>().expect_err(text).to_string();
        assert_eq!(said(""), "there is no host: expected [USER@]HOST[:PORT]");
        assert_eq!(said("root@:22"), "there is no host: expected [USER@]HOST[:PORT]");
        assert_eq!(said("@host"), "`` is no user name");
        assert_eq!(said("-oProxyCommand=x@host"), "`-oProxyCommand=x` is no user name");
        assert_eq!(said("-oProxyCommand=x"), "`-oProxyCommand=x` is no host name");
        assert_eq!(said("a b"), "`a b` is no host name");
        assert_eq!(said("host:0"), "`0` is no port: expected a number from 1 to 65535");
        assert_eq!(said("host:ssh"), "`ssh` is no port: expected a number from 1 to 65535");
        assert_eq!(said("2001:db8::1"), "an IPv6 address stands in brackets: [2001:db8::1] or [2001:db8::1]:22");
        assert_eq!("[::1".parse::<Destination>(), Err(DestinationError::Host("[::1".to_owned())));
        assert_eq!("[host]:1".parse::<Destination>(), Err(DestinationError::Host("[host]:1".to_owned())));
    }
}
