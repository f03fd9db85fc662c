//! The netfilter hooks, and the gates of our own table at the start and end of each.

use std::fmt;

/// The chain of our own table that both entries jump to, to mark packets.
pub const MARKS: &str = "marks";

/// A netfilter hook of the network layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// Before the routing decision.
    Prerouting,
    /// To this machine.
    Input,
    /// Through this machine.
    Forward,
    /// From this machine.
    Output,
    /// About to leave.
    Postrouting,
}

/// One end of a hook: a chain of our own table that runs before or after everyone else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Before everyone else.
    Start(Hook),
    /// After everyone else.
    End(Hook),
}

impl Hook {
    /// Every hook.
    pub const ALL: [Self; 5] = [Self::Prerouting, Self::Input, Self::Forward, Self::Output, Self::Postrouting];

    /// The name that nft uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        }
    }

    /// Whether a packet enters the machine's network layer here.
    #[must_use]
    pub const fn is_entry(self) -> bool {
        matches!(self, Self::Prerouting | Self::Output)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Gate {
    /// The gate that a chain of our own table is.
    #[must_use]
    pub fn of_chain(chain: &str) -> Option<Self> {
        let (hook, end) = chain.split_once('_')?;
        let hook = Hook::ALL.into_iter().find(|candidate| candidate.as_str() == hook)?;
        match end {
            "start" => Some(Self::Start(hook)),
            "end" => Some(Self::End(hook)),
            _ => None,
        }
    }

    /// The chain's name.
    #[must_use]
    pub fn chain(self) -> String {
        match self {
            Self::Start(hook) => format!("{hook}_start"),
            Self::End(hook) => format!("{hook}_end"),
        }
    }
}
