//! One line per remedy and distro: what it repairs and what it opens.

use unicode_width::UnicodeWidthStr;

use super::{page::Page, style::Tone, table};
use crate::{
    model::{
        RemedyVerdict, Verdict,
        report::{RemedyReport, Report},
    },
    report::{
        matrix::{Column, Matrix},
        remedy::{Remedied, change, not_applicable},
        text::clean,
    },
};

/// Writes the remedies of a scenario; their paths beside those as installed too, if the matrix did not show them and
/// something still fails.
pub(super) fn write(page: &mut Page, report: &Report, matrix: &Matrix<'_>, in_table: bool) {
    for distro in matrix.distros() {
        let all = Remedied::all(report, matrix, distro);
        if all.is_empty() {
            continue;
        }
        page.heading(&format!("Remedies on {}", clean(distro)));
        let (apply, not): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|one| one.remedy.verdict != RemedyVerdict::NotApplicable);
        let width = apply.iter().map(|one| clean(&one.remedy.id).width()).max().unwrap_or(0);
        for one in &apply {
            write_remedy(page, one, width);
        }
        if !in_table && apply.iter().any(|one| fails(matrix, one.remedy)) {
            table::write_states(page, matrix, distro);
        }
        write_not_applicable(page, &not);
    }
}

fn write_remedy(page: &mut Page, one: &Remedied<'_>, width: usize) {
    let mut sentence = one.sentence();
    if one.remedy.recommended {
        sentence.push_str("  (recommended)");
    }
    let id = clean(&one.remedy.id);
    let tone = if one.judged { Tone::from(one.remedy.verdict) } else { Tone::Quiet };
    page.entry(2, &[(&id, width, Tone::Plain)], tone, &sentence);
    if let Some(change) = change(one.remedy) {
        page.entry(2, &[("", width, Tone::Plain)], Tone::Bad, &change);
    }
    if !one.remedy.detail.is_empty() {
        page.entry(2, &[("", width, Tone::Plain)], Tone::Plain, &clean(&one.remedy.detail));
    }
}

/// Whether a path is not simply right with a remedy.
fn fails(matrix: &Matrix<'_>, remedy: &RemedyReport) -> bool {
    let mut cases = matrix.column(Column { distro: &remedy.distro, remedy: Some(&remedy.id) });
    cases.any(|case| case.verdict != Verdict::Pass)
}

/// Remedies that are not for this distro, those with the same reason on one line.
fn write_not_applicable(page: &mut Page, remedies: &[Remedied<'_>]) {
    for (reason, ids) in not_applicable(remedies) {
        let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        page.paragraph(2, Tone::Quiet, &format!("not applicable{why}: {ids}"));
    }
}
