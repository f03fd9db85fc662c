//! What happened to one probe, in the words of the report.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The end of one probe, as classified from what the kernel and the peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The right answer from a right backend.
    Ok,
    /// An ICMP unreachable or prohibited (`EHOSTUNREACH`, `ENETUNREACH`, `EACCES`): a firewall reject.
    Rejected,
    /// A RST, or an ICMP port unreachable for UDP: nothing listens there.
    Refused,
    /// Silence: a firewall drop, a lost route, a broken tunnel.
    Timeout,
    /// Connected, then cut before the whole answer was there.
    Reset,
    /// Connected, then the data stopped coming (an MTU black hole, for instance).
    Stalled,
    /// An HTTP answer with this status, other than 200.
    Http(u16),
    /// The name did not resolve.
    DnsFailed,
    /// An answer, but from a backend that is not one of the expected ones.
    WrongBackend,
    /// The probe itself could not be made. Never counts as the network's fault.
    Error,
}

/// A word that names no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no outcome; expected ok, rejected, refused, timeout, reset, stalled, http-NNN (100 to 599), dns-failed, wrong-backend or error"
)]
pub struct UnknownOutcome(pub String);

impl Outcome {
    /// Every outcome that has a fixed name; `http-NNN` is the one family beside them.
    pub const NAMED: [(&'static str, Self); 9] = [
        ("ok", Self::Ok),
        ("rejected", Self::Rejected),
        ("refused", Self::Refused),
        ("timeout", Self::Timeout),
        ("reset", Self::Reset),
        ("stalled", Self::Stalled),
        ("dns-failed", Self::DnsFailed),
        ("wrong-backend", Self::WrongBackend),
        ("error", Self::Error),
    ];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Http(status) = self {
            return f.pad(&format!("http-{status}"));
        }
        let name = Self::NAMED.iter().find(|(_, outcome)| outcome == self).map_or("error", |(name, _)| name);
        f.pad(name)
    }
}

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if let Some((_, outcome)) = Self::NAMED.iter().find(|(name, _)| *name == word) {
            return Ok(*outcome);
        }
        word.strip_prefix("http-")
            .filter(|digits| digits.len() == 3)
            .and_then(|digits| digits.parse().ok())
            .filter(|status| (100..=599).contains(status))
            .map(Self::Http)
            .ok_or_else(|| UnknownOutcome(word.to_owned()))
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn every_name_reads_back() {
        for word in Outcome::NAMED.iter().map(|(name, _)| *name).chain(["http-502", "http-404"]) {
            let outcome: Outcome = word.parse().expect(word);
            assert_eq!(outcome.to_string(), word);
        }
    }

    #[test]
    fn other_words_are_refused() {
        for word in ["", "OK", "http-", "http-99", "http-600", "http-5020", "http-+50", "reject"] {
            assert!(word.parse::<Outcome>().is_err(), "{word}");
        }
    }
}
