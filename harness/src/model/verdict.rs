//! What an outcome means against what was expected.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::path::{ParsePathError, words};

words! {
    /// The judgement on one case.
    Verdict {
        /// As expected.
        Pass = "pass",
        /// Not as expected, and nobody said so before.
        Fail = "fail",
        /// Fails exactly as a known issue says.
        Known = "known",
        /// A known issue that no longer shows.
        Fixed = "fixed",
        /// Differs between tries.
        Flaky = "flaky",
        /// Not run, for a reason that the detail gives.
        Skipped = "skipped",
        /// The lab's own fault; says nothing about the network.
        Error = "error",
    }
}

impl Verdict {
    /// Whether it says something of the network: its case was tried, and the lab did its part.
    #[must_use]
    pub const fn says_something(self) -> bool {
        !matches!(self, Self::Skipped | Self::Error)
    }
}

words! {
    /// The judgement on one remedy.
    RemedyVerdict {
        /// Every failing path works, before and after a firewall reload, and none broke.
        Fixes = "fixes",
        /// Some failing paths work, or only until the reload.
        Partly = "partly",
        /// Nothing changed.
        NoEffect = "no-effect",
        /// A path that worked does no longer.
        Breaks = "breaks",
        /// Not for this distro's firewall, or nothing fails here.
        NotApplicable = "not-applicable",
    }
}
