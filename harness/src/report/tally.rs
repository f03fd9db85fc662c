//! Counting cases, and what a count means for the run.

use crate::model::{
    Verdict,
    report::{CaseReport, Counts},
};

/// `10 pass, 2 known`; verdicts that did not occur are left out.
pub(super) fn words(counts: &Counts) -> String {
    let words: Vec<_> = pairs(counts).into_iter().filter(|(_, n)| *n > 0).map(|(v, n)| format!("{n} {v}")).collect();
    if words.is_empty() { "no cases".to_owned() } else { words.join(", ") }
}

/// Every verdict with its number, the worst last.
pub(super) fn pairs(counts: &Counts) -> [(Verdict, usize); 7] {
    [
        (Verdict::Pass, counts.pass),
        (Verdict::Known, counts.known),
        (Verdict::Skipped, counts.skipped),
        (Verdict::Flaky, counts.flaky),
        (Verdict::Fixed, counts.fixed),
        (Verdict::Fail, counts.fail),
        (Verdict::Error, counts.error),
    ]
}

/// The number of all of them.
pub(super) fn total(counts: &Counts) -> usize {
    pairs(counts).into_iter().map(|(_, n)| n).sum()
}

/// The one word for all of them: the worst that occurred. A run of nothing but skipped cases is `skipped`.
pub(super) fn worst(counts: &Counts) -> Verdict {
    let order = [Verdict::Error, Verdict::Fail, Verdict::Fixed, Verdict::Flaky, Verdict::Known, Verdict::Pass];
    let occurs = |verdict: &Verdict| pairs(counts).iter().any(|(v, n)| v == verdict && *n > 0);
    order.into_iter().find(occurs).unwrap_or(Verdict::Skipped)
}

/// Cases that somebody must look at.
pub(super) fn needs_a_look(case: &CaseReport) -> bool {
    matches!(case.verdict, Verdict::Fail | Verdict::Fixed | Verdict::Flaky | Verdict::Error)
}

/// Cases in which the network did not do what was expected of it, known or not.
pub(super) fn is_failure(case: &CaseReport) -> bool {
    matches!(case.verdict, Verdict::Fail | Verdict::Known)
}

#[cfg(test)]
mod tests {
    use super::{pairs, total, words, worst};
    use crate::model::{Verdict, report::Counts};

    #[test]
    fn the_worst_decides() {
        let mut counts = Counts { skipped: 1, ..Counts::default() };
        assert_eq!(worst(&counts), Verdict::Skipped);
        counts.pass = 3;
        assert_eq!(worst(&counts), Verdict::Pass);
        counts.known = 2;
        assert_eq!(worst(&counts), Verdict::Known);
        counts.fixed = 1;
        assert_eq!(worst(&counts), Verdict::Fixed);
        counts.error = 1;
        assert_eq!(worst(&counts), Verdict::Error);
        assert_eq!(total(&counts), 8);
        assert_eq!(words(&counts), "3 pass, 2 known, 1 skipped, 1 fixed, 1 error");
    }

    #[test]
    fn every_verdict_is_counted() {
        let listed = pairs(&Counts::default()).map(|(verdict, _)| verdict);
        assert!(Verdict::ALL.iter().all(|verdict| listed.contains(verdict)));
        assert_eq!(words(&Counts::default()), "no cases");
    }
}
