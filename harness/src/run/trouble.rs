//! Why something could not be made, with what to do about it: as it goes to another process, and into a report.

use std::fmt;

use miette::Diagnostic;
use serde::{Deserialize, Serialize};

/// Why something could not be made, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{reason}")]
pub struct Trouble {
    /// Why.
    pub reason: String,
    /// What to do, where anything is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Trouble {
    /// What an error says, and what it advises.
    #[must_use]
    pub fn of(error: &dyn Diagnostic) -> Self {
        Self { reason: error.to_string(), help: error.help().map(|help| help.to_string()) }
    }

    /// The same, of something that has a name.
    #[must_use]
    pub fn about(self, what: &str) -> Self {
        Self { reason: format!("{what}: {}", self.reason), ..self }
    }

    /// All of it as one text.
    #[must_use]
    pub fn told(&self) -> String {
        match &self.help {
            Some(help) => format!("{}\nhelp: {help}", self.reason),
            None => self.reason.clone(),
        }
    }
}

impl Diagnostic for Trouble {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self { reason, help: None }
    }
}

impl From<&str> for Trouble {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::Trouble;
    use crate::{
        provider::ProviderError,
        run::{MakerError, observation::LifeError, progress::Phase},
    };

    #[test]
    fn the_advice_comes_through_whatever_is_around_the_error() {
        let full = || ProviderError::NoSpace { folder: "/images".to_owned(), reason: "1 MiB is free".to_owned() };
        let step = LifeError::Step { step: Phase::Hosts, source: Box::new(full().into()) };
        let reason = "making hosts failed: no space left for the machines in /images: 1 MiB is free";
        let help = "make room there; libvirt's machines may be in another folder: `--libvirt-storage DIR`";
        let trouble = Trouble::of(&step);
        assert_eq!(trouble.told(), format!("{reason}\nhelp: {help}"));
        let hopeless = LifeError::Hopeless(trouble);
        let told = Trouble::of(&hopeless).about("seed").told();
        assert_eq!(told, format!("seed: its machines could not be made: {reason}\nhelp: {help}"));
        assert_eq!(Trouble::of(&MakerError::from(full())).help.as_deref(), Some(help));
        let drift = vec!["SELinux is disabled, not enforcing".to_owned()];
        let drift = LifeError::Drift { machine: "rhel-1".to_owned(), distro: "rhel".to_owned(), drift };
        assert_eq!(Trouble::of(&drift).told(), drift.to_string());
    }
}
