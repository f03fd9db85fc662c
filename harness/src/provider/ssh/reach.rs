//! How a machine is reached: as the lab made it, or as its user already does.

use super::{own::OwnTarget, target::SshTarget};

/// How a machine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// With the lab's own keys, and nobody's configuration.
    Lab(SshTarget),
    /// With the user's configuration, agent and known hosts.
    Own(OwnTarget),
}

impl Reach {
    /// Login user. Any other than `root` must be allowed to use `sudo` without a password.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            Self::Lab(target) => &target.user,
            Self::Own(target) => &target.user,
        }
    }

    /// Arguments of `ssh`, the destination last.
    pub(super) fn arguments(&self, limit_seconds: u64) -> Vec<String> {
        match self {
            Self::Lab(target) => target.arguments(limit_seconds),
            Self::Own(target) => target.arguments(limit_seconds),
        }
    }

    /// Why a connection ended, by the log of `ssh`.
    pub(super) fn explained(&self, log: &str) -> String {
        let last = log.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("the connection ended");
        let last = last.trim_start_matches("ssh: ");
        match self {
            Self::Own(target) => target.explained(log, last),
            Self::Lab(_) if log.contains("Host key verification failed") => {
                "its SSH host key is not the one that it must have: another machine answers at this address".to_owned()
            }
            Self::Lab(_) => last.to_owned(),
        }
    }
}

impl From<SshTarget> for Reach {
    fn from(target: SshTarget) -> Self {
        Self::Lab(target)
    }
}

impl From<OwnTarget> for Reach {
    fn from(target: OwnTarget) -> Self {
        Self::Own(target)
    }
}
