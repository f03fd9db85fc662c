//! One case over the nights, in stretches of equal nights; short ones between equal neighbours are flakes. Pure.

use super::CaseRecord;
use crate::model::Verdict;

/// A stretch that is not longer than this, between two that are equal, is chance.
const FLAKE: usize = 2;

/// A stretch of nights in which a case was the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    /// What it was.
    pub(super) state: &'a CaseRecord,
    /// Index of its first night.
    pub(super) first: usize,
    /// Index of its last night.
    pub(super) last: usize,
    /// How many of the nights between these two were so.
    pub(super) nights: usize,
}

/// Whether a verdict is as expected.
pub(super) const fn is_good(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Pass | Verdict::Known)
}

/// A case's settled stretches, in order of time, and how many nights were flakes.
pub(super) fn settle<'a>(nights: impl Iterator<Item = (usize, &'a CaseRecord)>) -> (Vec<Segment<'a>>, usize) {
    let (mut segments, mut flakes) = (Vec::<Segment<'a>>::new(), 0);
    for (night, state) in nights {
        if state.verdict == Verdict::Flaky {
            flakes += 1;
            continue;
        }
        match segments.last_mut().filter(|last| last.state == state) {
            Some(last) => (last.last, last.nights) = (night, last.nights + 1),
            None => segments.push(Segment { state, first: night, last: night, nights: 1 }),
        }
        // The way back to what was before: what lies between was chance, if it was short.
        while let [.., before, between, after] = segments.as_mut_slice()
            && before.state == after.state
            && between.nights <= FLAKE
        {
            flakes += between.nights;
            (before.last, before.nights) = (after.last, before.nights + after.nights);
            segments.truncate(segments.len() - 2);
        }
    }
    (segments, flakes)
}

#[cfg(test)]
mod tests {
    use super::settle;
    use crate::{
        history::CaseRecord,
        model::{Outcome, Verdict},
    };

    fn state(letter: char) -> CaseRecord {
        let (verdict, outcome) = match letter {
            'o' => (Verdict::Pass, Outcome::Ok),
            'x' => (Verdict::Fail, Outcome::Timeout),
            'r' => (Verdict::Fail, Outcome::Rejected),
            _ => (Verdict::Flaky, Outcome::Ok),
        };
        CaseRecord { verdict, outcome, cause: String::new() }
    }

    #[test]
    fn short_ways_out_and_back_are_flakes() {
        let table: [(&str, &[usize], usize); 10] = [
            ("", &[], 0),
            ("oooo", &[4], 0),
            ("oooxxx", &[3, 3], 0),
            ("ooxoo", &[4], 1),
            ("ooxxoo", &[4], 2),
            ("oxxxo", &[1, 3, 1], 0),
            ("oo~oo", &[4], 1),
            ("ooox", &[3, 1], 0),
            ("oxoxoxo", &[4], 3),
            ("oooxrxx", &[3, 3], 1),
        ];
        for (nights, lengths, flakes) in table {
            let states: Vec<CaseRecord> = nights.chars().map(state).collect();
            let (segments, chance) = settle(states.iter().enumerate());
            let found: Vec<usize> = segments.iter().map(|segment| segment.nights).collect();
            assert_eq!((found.as_slice(), chance), (lengths, flakes), "{nights}");
        }
    }
}
