//! What changed against a baseline.

use super::{page::Page, style::Tone};
use crate::{
    model::{Change, ChangeKind, Comparison, Verdict, report::Report},
    report::{
        case_words,
        text::{clean, count, explain_command},
    },
};

/// Changes that are written out; a night in which everything changed would fill the screen.
const MOST_CHANGES: usize = 60;

/// Writes what changed, if the report was compared with a baseline.
pub(super) fn write(page: &mut Page, report: &Report) {
    let Some(comparison) = &report.baseline else { return };
    page.heading(&headline(comparison));
    for change in comparison.changes.iter().take(MOST_CHANGES) {
        write_change(page, report, change);
    }
    if comparison.changes.len() > MOST_CHANGES {
        let rest = count(comparison.changes.len() - MOST_CHANGES, "other change");
        page.paragraph(2, Tone::Plain, &format!("and {rest}: report.html has them all"));
    }
}

/// Writes the cases that the lab broke: they are no change, and the reader must know of them.
pub(super) fn write_broken(page: &mut Page, report: &Report) {
    let broken: Vec<_> = report.cases.iter().filter(|case| case.verdict == Verdict::Error).collect();
    if broken.is_empty() {
        return;
    }
    page.heading(&format!("{} that the lab broke", count(broken.len(), "case")));
    for case in broken.iter().take(MOST_CHANGES) {
        page.line(&format!("  {}", clean(&case.id)));
        for line in case_words::of(case) {
            page.paragraph(4, Tone::Plain, &line);
        }
    }
}

/// `2 changes against baseline.txt; 61 as before`.
fn headline(comparison: &Comparison) -> String {
    let what = match comparison.changes.len() {
        0 => "No change".to_owned(),
        n => count(n, "change"),
    };
    let unjudged =
        if comparison.unjudged == 0 { String::new() } else { format!(", {} not judged", comparison.unjudged) };
    format!("{what} against {}: {} as before{unjudged}", clean(&comparison.file), comparison.same)
}

fn write_change(page: &mut Page, report: &Report, change: &Change) {
    let word = page.style.paint(tone(change.kind), &change.kind.meaning().to_uppercase());
    page.line(&format!("  {word}  {}", clean(&change.id)));
    if let (Some(before), Some(now)) = (&change.before, &change.now) {
        page.entry(4, &[("was", 3, Tone::Quiet)], Tone::Plain, &clean(before));
        page.entry(4, &[("is", 3, Tone::Quiet)], Tone::Plain, &clean(now));
    } else {
        page.paragraph(4, Tone::Plain, &clean(&change.words()));
    }
    let case = report.cases.iter().find(|case| case.id == change.id);
    let explains = !matches!(change.kind, ChangeKind::Gone | ChangeKind::Fixed);
    if let Some(case) = case.filter(|case| explains && case.verdict != Verdict::Pass) {
        for line in case_words::of(case) {
            page.paragraph(4, Tone::Plain, &line);
        }
        page.line(&format!("    {}", explain_command(&case.id)));
    }
}

const fn tone(kind: ChangeKind) -> Tone {
    match kind {
        ChangeKind::NewFailure | ChangeKind::Outcome => Tone::Bad,
        ChangeKind::Cause | ChangeKind::Remedy | ChangeKind::Verdict => Tone::Odd,
        ChangeKind::Fixed => Tone::Good,
        ChangeKind::New | ChangeKind::Gone => Tone::Known,
    }
}
