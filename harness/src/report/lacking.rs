//! What a report lacks of what it was to be of: nothing in it may be read as if that were well.

use super::{
    tally,
    text::{clean, count},
};
use crate::model::report::{Counts, Report};

/// What is lacking.
pub(super) struct Lacking {
    /// `interrupted`, `incomplete` or `nothing`.
    pub(super) kind: &'static str,
    /// A sentence, without its full stop.
    pub(super) sentence: String,
    /// Whether what is lacking was to be there.
    pub(super) is_wrong: bool,
}

/// What the report lacks; none where every case came to its end.
pub(super) fn of(report: &Report) -> Option<Lacking> {
    let cases = tally::total(&Counts::of(&report.cases));
    let untried = match report.untried() {
        0 => "every case was tried".to_owned(),
        1 => format!("1 of {cases} cases was not tried"),
        some => format!("{some} of {cases} cases were not tried"),
    };
    let missing = match report.run.missing.as_slice() {
        [] => None,
        [one] => Some(format!("shard {} is missing", clean(one))),
        several => Some(format!("{} are missing: {}", count(several.len(), "shard"), clean(&several.join(", ")))),
    };
    let (kind, sentence, is_wrong) = match (report.run.interrupted, missing) {
        (true, None) => ("interrupted", format!("Interrupted: {untried}"), true),
        (true, Some(missing)) => ("interrupted", format!("Interrupted: {untried}; {missing}"), true),
        (false, Some(missing)) => ("incomplete", format!("Incomplete: {missing}"), true),
        (false, None) if cases == 0 => ("nothing", "Nothing was tried".to_owned(), false),
        (false, None) => return None,
    };
    Some(Lacking { kind, sentence, is_wrong })
}
