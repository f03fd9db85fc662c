//! What a case did over the nights, in sentences.

use super::text::{clean, count};
use crate::model::{Fact, Night, PastCase, Turn};

/// When it turned and from what to what; how often it flaked.
pub(super) fn of(case: &PastCase) -> Vec<String> {
    let mut sentences: Vec<String> = case.turn.iter().map(turned).collect();
    if case.flakes > 0 {
        let rate = percent(case.flakes, case.judged);
        sentences.push(format!("Flaky: {} of {} ({rate} %).", case.flakes, count(case.judged, "run")));
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

/// How many in a hundred some of all are, rounded to the nearest; some are never none, and not all never all.
fn percent(some: usize, all: usize) -> String {
    let all = all.max(1);
    match (some * 200 + all) / (all * 2) {
        0 if some > 0 => "<1".to_owned(),
        100.. if some < all => ">99".to_owned(),
        percent => percent.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn a_rate_is_rounded_to_the_nearest() {
        for (some, all, words) in [
            (1, 14, "7"),
            (1, 3, "33"),
            (2, 3, "67"),
            (1, 8, "13"),
            (1, 365, "<1"),
            (0, 9, "0"),
            (9, 9, "100"),
            (999, 1000, ">99"),
        ] {
            assert_eq!(percent(some, all), words, "{some} of {all}");
        }
    }
}
