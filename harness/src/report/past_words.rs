//! What a case did over the nights, in sentences.

use super::text::{clean, count};
use crate::model::{Fact, Night, PastCase, Turn};

/// When it turned and from what to what; how often it flaked.
pub(super) fn of(case: &PastCase) -> Vec<String> {
    let mut sentences: Vec<String> = case.turn.iter().map(turned).collect();
    if case.flakes > 0 {
        let percent = (case.flakes * 100).div_ceil(case.judged.max(1));
        sentences.push(format!("Flaky: {} of {} ({percent} %).", case.flakes, count(case.judged, "run")));
    }
    sentences.iter().map(|sentence| clean(sentence).into_owned()).collect()
}

/// What was not the same in the last night before the turn and the first after it.
pub(super) fn changed(turn: &Turn) -> Vec<String> {
    turn.changed.iter().map(fact).collect()
}

fn turned(turn: &Turn) -> String {
    let (last, first) = (name(&turn.last), name(&turn.first));
    let (before, after) = (&turn.before, &turn.after);
    match (turn.good_before, turn.good_after) {
        (true, false) => format!("Last good {last}: {before}. First bad {first}: {after}."),
        (false, true) => format!("Last bad {last}: {before}. Good again since {first}: {after}."),
        _ => format!("Other since {first}: {after}. Before, until {last}: {before}."),
    }
}

/// A night by its date and its run.
pub(super) fn name(night: &Night) -> String {
    format!("{} ({})", night.started_at.strftime("%Y-%m-%d %H:%M"), night.run)
}

fn fact(fact: &Fact) -> String {
    let text = match (&fact.before, &fact.after) {
        (Some(before), Some(after)) => format!("{}: {before} → {after}", fact.what),
        (None, Some(after)) => format!("{}, new: {after}", fact.what),
        (Some(before), None) => format!("{}, gone: {before}", fact.what),
        (None, None) => fact.what.clone(),
    };
    clean(&text).into_owned()
}
