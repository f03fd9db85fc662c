//! Names of labs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest name, in characters: it becomes part of host names and of names of virtual machines.
const LONGEST: usize = 40;

/// The name of a lab: lower-case letters, digits and hyphens, beginning and ending with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabName(String);

/// A text that is no name of a lab.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name for a lab: expected up to {LONGEST} lower-case letters, digits and hyphens, for instance `fix-4903`"
)]
pub struct ParseNameError(String);

impl LabName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LabName {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let good = (1..=LONGEST).contains(&text.len())
            && text.chars().all(|letter| plain(letter) || letter == '-')
            && text.starts_with(plain)
            && text.ends_with(plain);
        if good { Ok(Self(text.to_owned())) } else { Err(ParseNameError(text.to_owned())) }
    }
}

impl TryFrom<String> for LabName {
    type Error = ParseNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<LabName> for String {
    fn from(name: LabName) -> Self {
        name.0
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::LabName;

    #[test]
    fn names_fit_into_paths_and_host_names() {
        for good in ["a", "fix-4903", "0", "a-b-c", &"x".repeat(40)] {
            assert_eq!(good.parse::<LabName>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "-a", "a-", "A", "a b", "a/b", "..", ".", "ä", "a_b", &"x".repeat(41)] {
            assert!(bad.parse::<LabName>().is_err(), "{bad}");
        }
    }
}
