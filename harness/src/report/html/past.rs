//! The last nights: a strip of marks for each case that was not the same in all of them.

use super::case::Badge;
use crate::{
    model::{Fact, Night, Past, PastCase, Turn},
    report::text::{clean, count},
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
    /// The strip for those who do not see it, and what it comes to.
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
        let more = past.cases.len().saturating_sub(MOST_STRIPS);
        let more = if more == 0 { String::new() } else { format!(" {more} more changed: `lab history` has them.") };
        Self {
            title: format!("The last {}", count(past.nights.len(), "run")),
            sentence: format!("{steady} the same in all of them.{more}"),
            rows: past.cases.iter().take(MOST_STRIPS).map(|case| row(past, case)).collect(),
        }
    }
}

fn row(past: &Past, case: &PastCase) -> PastRow {
    let mark = |(night, verdict): (&Night, &Option<crate::model::Verdict>)| PastMark {
        badge: verdict.map(Badge::of),
        hint: clean(&format!("{} {}", date(night), verdict.map_or("did not run", crate::model::Verdict::as_str)))
            .into_owned(),
    };
    let mut sentences = Vec::new();
    if let Some(turn) = &case.turn {
        sentences.push(turned(turn));
    }
    if case.flakes > 0 {
        sentences.push(format!("Flaked in {} of {}.", case.flakes, count(case.judged, "run")));
    }
    PastRow {
        id: clean(&case.id).into_owned(),
        marks: past.nights.iter().zip(&case.verdicts).map(mark).collect(),
        sentences: sentences.iter().map(|sentence| clean(sentence).into_owned()).collect(),
        changed: case.turn.iter().flat_map(|turn| &turn.changed).map(fact).collect(),
    }
}

fn turned(turn: &Turn) -> String {
    let (last, first) = (date(&turn.last), date(&turn.first));
    match (turn.good_before, turn.good_after) {
        (true, false) => format!("Good until {last}, bad since {first}: {} → {}.", turn.before, turn.after),
        (false, true) => format!("Bad until {last}, good since {first}: {} → {}.", turn.before, turn.after),
        _ => format!("Other since {first}: {} → {}.", turn.before, turn.after),
    }
}

fn date(night: &Night) -> String {
    night.started_at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn fact(fact: &Fact) -> String {
    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "not there".to_owned());
    clean(&format!("{}: {} → {}", fact.what, side(&fact.before), side(&fact.after))).into_owned()
}
