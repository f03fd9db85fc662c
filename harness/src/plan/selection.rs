//! What the command line selects of everything that there is to run.

use std::{fmt, str::FromStr, sync::Arc};

use sha2::{Digest, Sha256};

use crate::catalog::distro::Distro;

/// What is to run of the scenarios.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Distros; empty means each scenario's own.
    pub distros: Vec<Arc<Distro>>,
    /// Remedies beside as installed.
    pub remedies: Remedies,
    /// A case runs if its id holds any of these texts; empty means every case.
    pub filters: Vec<String>,
}

/// Which remedies are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Remedies {
    /// Every remedy of each scenario.
    #[default]
    All,
    /// None: as installed only.
    None,
    /// These.
    Ids(Vec<String>),
}

/// The `k`-th of `n` parts of the cases, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    count: u32,
}

/// A text that is no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no shard, expected K/N with K from 1 to N, for instance 1/4")]
pub struct ParseShardError(String);

impl Selection {
    /// Whether the case of this id passes the filters.
    #[must_use]
    pub fn passes_filters(&self, id: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| id.contains(filter))
    }
}

impl Remedies {
    /// Whether the remedy is tried.
    #[must_use]
    pub fn holds(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Ids(ids) => ids.iter().any(|wanted| wanted == id),
        }
    }
}

impl Shard {
    /// The `number`-th of `count` parts; none unless `number` is from 1 to `count`.
    #[must_use]
    pub fn new(number: u32, count: u32) -> Option<Self> {
        (1..=count).contains(&number).then_some(Self { number, count })
    }

    /// Which part it is, counted from 1.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }

    /// How many parts there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Which part it is, counted from 0.
    pub(super) const fn index(self) -> usize {
        self.number as usize - 1
    }

    /// Whether this part answers for a case that is in no plan any more: exactly one of all parts does.
    #[must_use]
    pub fn holds(self, id: &str) -> bool {
        let digest = Sha256::digest(id);
        let hash = digest.iter().take(8).fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
        hash % u64::from(self.count) == u64::from(self.number - 1)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

impl FromStr for Shard {
    type Err = ParseShardError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('/')
            .and_then(|(number, count)| Self::new(number.parse().ok()?, count.parse().ok()?))
            .ok_or_else(|| ParseShardError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    #[test]
    fn shards_read_back() {
        assert_eq!("2/4".parse::<Shard>().map(|shard| shard.to_string()), Ok("2/4".to_owned()));
        for text in ["", "1", "0/4", "5/4", "1/0", "a/b", "1/2/3", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_case_that_is_gone_has_one_shard() {
        // Pinned: nightly jobs on several machines rely on it between releases.
        let shard = |id: &str| (1..=4).find(|number| Shard::new(*number, 4).expect("in range").holds(id));
        assert_eq!(shard("pod-ip-502::rhel-9.5::as-installed::pod-to-pod-ip"), Some(4));
        assert_eq!(shard("pod-ip-502::rhel-9.5::as-installed::pod-to-service"), Some(4));
        assert_eq!(shard("pod-ip-502::rhel-9.5::as-installed::outside-to-ingress"), Some(1));
    }
}
