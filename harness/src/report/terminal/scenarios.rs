//! One line per scenario, when a run has several: what it comes to.

use unicode_width::UnicodeWidthStr;

use super::{page::Page, style::Tone};
use crate::{
    model::{
        Verdict,
        report::{Counts, Report},
    },
    report::{
        matrix::Matrix,
        remedy, tally,
        text::{clean, count},
    },
};

/// Writes the lines; of one scenario all has been said already.
pub(super) fn write(page: &mut Page, report: &Report, matrices: &[Matrix<'_>]) {
    if matrices.len() < 2 {
        return;
    }
    page.heading("Scenarios");
    let width = matrices.iter().map(|matrix| clean(matrix.scenario).width()).max().unwrap_or(0);
    for matrix in matrices {
        let counts = Counts::of(report.cases.iter().filter(|case| case.scenario == matrix.scenario));
        let changed = remedy::changed(report, Some(matrix.scenario));
        let (word, tone) = match tally::worst(&counts) {
            Verdict::Skipped => ("skipped", Tone::Quiet),
            Verdict::Error => ("broke", Tone::Broken),
            Verdict::Fail | Verdict::Fixed | Verdict::Flaky => ("changed", Tone::Bad),
            Verdict::Pass | Verdict::Known if changed > 0 => ("changed", Tone::Bad),
            Verdict::Pass | Verdict::Known => ("as expected", Tone::Good),
        };
        let mut text = tally::words(&counts);
        let skipped = report.cases.iter().find(|case| case.scenario == matrix.scenario && word == "skipped");
        if let Some(case) = skipped {
            text = format!("{text}: {}", clean(&case.detail));
        }
        if changed > 0 {
            text = format!("{text}; {}", count(changed, "remedy verdict"));
            text.push_str(" changed");
        }
        page.entry(2, &[(&clean(matrix.scenario), width, Tone::Plain), (word, 11, tone)], Tone::Plain, &text);
    }
}
