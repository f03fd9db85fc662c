//! States of an instance.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// State of an instance, as Multipass names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// It runs and is ready.
    Running,
    /// It was stopped.
    Stopped,
    /// It is marked for deletion: not gone before it is purged.
    Deleted,
    /// It boots.
    Starting,
    /// It stops and boots again.
    Restarting,
    /// It will stop.
    DelayedShutdown,
    /// It is being suspended.
    Suspending,
    /// Its state and memory are saved.
    Suspended,
    /// Its zone is switched off.
    Unavailable,
    /// Multipass does not know.
    Unknown,
    /// A state that this version of Pathlab does not know.
    Other(String),
}

impl InstanceState {
    /// The state of that name; letters may be large or small, the documentation and the program differ.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "running" => Self::Running,
            "stopped" => Self::Stopped,
            "deleted" => Self::Deleted,
            "starting" => Self::Starting,
            "restarting" => Self::Restarting,
            "delayed shutdown" => Self::DelayedShutdown,
            "suspending" => Self::Suspending,
            "suspended" => Self::Suspended,
            "unavailable" => Self::Unavailable,
            "unknown" => Self::Unknown,
            _ => Self::Other(name.to_owned()),
        }
    }

    /// Whether it becomes another one by itself.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Starting | Self::Restarting | Self::DelayedShutdown | Self::Suspending | Self::Unknown)
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "Running",
            Self::Stopped => "Stopped",
            Self::Deleted => "Deleted",
            Self::Starting => "Starting",
            Self::Restarting => "Restarting",
            Self::DelayedShutdown => "Delayed Shutdown",
            Self::Suspending => "Suspending",
            Self::Suspended => "Suspended",
            Self::Unavailable => "Unavailable",
            Self::Unknown => "Unknown",
            Self::Other(name) => name,
        })
    }
}

impl<'de> Deserialize<'de> for InstanceState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::InstanceState;

    #[test]
    fn all_documented_states_are_known() {
        for name in [
            "Running",
            "Stopped",
            "Deleted",
            "Starting",
            "Restarting",
            "Delayed Shutdown",
            "Suspending",
            "Suspended",
            "Unavailable",
            "Unknown",
        ] {
            let state = InstanceState::of(name);
            assert!(!matches!(state, InstanceState::Other(_)), "{name}");
            assert_eq!(state.to_string(), name);
        }
        assert_eq!(InstanceState::of("Delayed shutdown"), InstanceState::DelayedShutdown);
        assert_eq!(InstanceState::of("Melting").to_string(), "Melting");
    }
}
