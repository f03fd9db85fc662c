//! The last nights: a strip of marks for each case that was not the same in all of them.

use super::case::Badge;
use crate::{
    model::{Night, Past, PastCase, Verdict},
    report::{
        past_words,
        text::{clean, count},
    },
};

/// Cases that get a strip; a page with more would be too heavy for a phone.
const MOST_STRIPS: usize = 200;

/// The last nights.
pub(super) struct PastView {
    pub(super) title: String,
    pub(super) sentence: String,
    pub(super) rows: Vec<PastRow>,
}

/// One case over the nights.
pub(super) struct PastRow {
    pub(super) id: String,
    /// One mark per night; none where it did not run.
    pub(super) marks: Vec<PastMark>,
    /// What the strip comes to, for those who do not see it too.
    pub(super) sentences: Vec<String>,
    pub(super) changed: Vec<String>,
}

/// One night of a case.
pub(super) struct PastMark {
    pub(super) badge: Option<Badge>,
    pub(super) hint: String,
}

impl PastView {
    pub(super) fn of(past: &Past) -> Self {
        let steady = count(past.steady, "case");
        let more = match past.cases.len().saturating_sub(MOST_STRIPS) {
            0 => String::new(),
            more => format!(" {more} more changed: `lab history` has them."),
        };
        Self {
            title: format!("The last {}", count(past.nights.len(), "run")),
            sentence: format!("{steady} the same in all of them.{more}"),
            rows: past.cases.iter().take(MOST_STRIPS).map(|case| row(past, case)).collect(),
        }
    }
}

fn row(past: &Past, case: &PastCase) -> PastRow {
    let mark = |(night, verdict): (&Night, &Option<Verdict>)| {
        let word = verdict.map_or("did not run", Verdict::as_str);
        let hint = clean(&format!("{}: {word}", past_words::name(night))).into_owned();
        PastMark { badge: verdict.map(Badge::of), hint }
    };
    PastRow {
        id: clean(&case.id).into_owned(),
        marks: past.nights.iter().zip(&case.verdicts).map(mark).collect(),
        sentences: past_words::of(case),
        changed: case.turn.as_ref().map(past_words::changed).unwrap_or_default(),
    }
}
