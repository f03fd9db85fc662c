//! One line of a trace: where a packet is and what a rule or policy said.

use std::fmt;

use super::header::Header;

/// One parsed line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// The kernel's number for the packet; numbers recur.
    pub trace_id: u32,
    /// Address family of the table: `inet`, `ip`, `ip6`, `bridge`, `arp`, `netdev`.
    pub family: String,
    /// Table name.
    pub table: String,
    /// Chain name.
    pub chain: String,
    /// What the line says.
    pub kind: StepKind,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// The packet enters a base chain and looks like this.
    Packet(Box<Header>),
    /// Its connection, as printed since nft 1.1.2.
    Conntrack(String),
    /// A rule matched.
    Rule {
        /// The rule as nft prints it, white space collapsed, counters still in it. A rule that nft did not know
        /// says `handle N`.
        text: String,
        /// What it decided.
        verdict: Verdict,
    },
    /// The end of a chain that was jumped to.
    Return(Verdict),
    /// The end of a base chain.
    Policy(Verdict),
}

/// What a rule or policy decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Goes on to the next base chain.
    Accept,
    /// Ends here. A `reject` ends with this too.
    Drop,
    /// Next rule.
    Continue,
    /// Back to the calling chain.
    Return,
    /// To user space.
    Queue,
    /// Taken over by something else.
    Stolen,
    /// Into another chain, and back.
    Jump(String),
    /// Into another chain, for good.
    Goto(String),
    /// A word of a later nft.
    Other(String),
}

impl TraceStep {
    /// Family and name of the table: `inet firewalld`.
    #[must_use]
    pub fn full_table(&self) -> String {
        format!("{} {}", self.family, self.table)
    }
}

impl From<&str> for Verdict {
    fn from(words: &str) -> Self {
        let words = words.trim();
        match words.split_once(' ') {
            Some(("jump", chain)) => Self::Jump(chain.trim().to_owned()),
            Some(("goto", chain)) => Self::Goto(chain.trim().to_owned()),
            _ => match words {
                "accept" => Self::Accept,
                "drop" => Self::Drop,
                "continue" => Self::Continue,
                "return" => Self::Return,
                "queue" => Self::Queue,
                "stolen" => Self::Stolen,
                other => Self::Other(other.to_owned()),
            },
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Continue => f.write_str("continue"),
            Self::Return => f.write_str("return"),
            Self::Queue => f.write_str("queue"),
            Self::Stolen => f.write_str("stolen"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
            Self::Other(words) => f.write_str(words),
        }
    }
}
