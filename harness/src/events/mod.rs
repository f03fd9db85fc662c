//! Events: what happens in a run, one JSON object a line, for other tools to follow it.
//!
//! The stream starts with [`Event::RunStart`], which names the version of the format, and ends with
//! [`Event::RunEnd`] unless the run was killed. Stability: within one version of the format, keys and the meaning of
//! values stay; keys and kinds of events may be added, so a reader skips what it does not know.

mod sink;

pub use self::sink::{Events, EventsError};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    Outcome, Verdict,
    report::{CauseKind, Counts},
};

/// The format's name and version.
pub const FORMAT: &str = "pathlab-events/1";

/// The words of [`Outcome`], as a pattern for the JSON Schema.
const OUTCOME: &str = "^(ok|rejected|refused|timeout|reset|stalled|http-[1-5][0-9]{2}|dns-failed|wrong-backend|error)$";

/// One line of the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// When it happened, UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run starts. Always the first line.
    RunStart {
        /// The format's name and version.
        #[schemars(extend("const" = FORMAT))]
        format: String,
        /// Name of the run.
        run: String,
        /// How many clusters it will build.
        clusters: usize,
        /// How many cases it will try.
        cases: usize,
    },
    /// A cluster enters a phase of its life.
    PhaseStart {
        /// `SCENARIO::DISTRO::as-installed|REMEDY`.
        cluster: String,
        /// `hosts`, `policy`, `cluster`, `deploy`, `remedy`, `probe`, `reload`, `explain`, `evidence`.
        phase: String,
    },
    /// The phase is over.
    PhaseEnd {
        /// The cluster.
        cluster: String,
        /// The phase.
        phase: String,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// Whether it came to its end; if not, `cluster-end` says why.
        ok: bool,
    },
    /// A case is about to be tried. All cases of a cluster are tried at the same time.
    CaseStart {
        /// Id of the case.
        case: String,
    },
    /// Why a case failed.
    Cause {
        /// Id of the case.
        case: String,
        /// What kind of thing ended the packet.
        kind: CauseKind,
        /// Whose rule it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// One plain sentence.
        summary: String,
    },
    /// The verdict on a case is in. Each case of the plan has exactly one, whether it was tried or not.
    CaseEnd {
        /// Id of the case.
        case: String,
        /// What happened; `error` for a case that was not tried.
        #[schemars(with = "String", regex(pattern = OUTCOME))]
        outcome: Outcome,
        /// What it means.
        verdict: Verdict,
        /// How often it was tried.
        tries: usize,
        /// The last try's duration, in microseconds.
        duration_us: u64,
    },
    /// Nothing more comes of a cluster.
    ClusterEnd {
        /// The cluster.
        cluster: String,
        /// How long it lived, in milliseconds.
        duration_ms: u64,
        /// Why it could not be observed; absent when it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// The lab itself failed, and tries again.
    Retry {
        /// The cluster.
        cluster: String,
        /// What failed.
        error: String,
    },
    /// The run is over. Always the last line.
    RunEnd {
        /// Name of the run.
        run: String,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// Whether somebody ended it.
        interrupted: bool,
        /// How many cases ended with each verdict.
        counts: Counts,
    },
}

impl Event {
    /// The first line of a stream.
    #[must_use]
    pub fn start(run: &str, clusters: usize, cases: usize) -> Self {
        Self::RunStart { format: FORMAT.to_owned(), run: run.to_owned(), clusters, cases }
    }
}
