//! One scenario: title, matrix, legend, the verdict on each distro, remedies, causes.

use unicode_width::UnicodeWidthStr;

use super::{causes, page::Page, remedies, style::Tone, table};
use crate::model::report::{Counts, Report};
use crate::report::{
    cell,
    matrix::{Column, Matrix},
    tally,
    text::clean,
};

/// Writes all that belongs to one scenario.
pub(super) fn write(page: &mut Page, report: &Report, matrix: &Matrix<'_>) {
    write_title(page, matrix);
    if matrix.rows.is_empty() {
        page.paragraph(2, Tone::Quiet, "no cases");
        return;
    }
    page.gap();
    let whole = table::write(page, matrix);
    write_legend(page, matrix);
    write_verdicts(page, matrix);
    remedies::write(page, report, matrix, whole);
    causes::write(page, report, matrix);
}

fn write_title(page: &mut Page, matrix: &Matrix<'_>) {
    let id = clean(matrix.scenario);
    match matrix.about {
        None => page.heading(&id),
        Some(about) => {
            page.heading(&format!("{id}: {}", clean(&about.title)));
            if !about.upstream.is_empty() {
                page.paragraph(2, Tone::Quiet, &format!("reported as {}", clean(&about.upstream.join(", "))));
            }
        }
    }
}

/// Explains the notes that the matrix uses.
fn write_legend(page: &mut Page, matrix: &Matrix<'_>) {
    let used: Vec<_> =
        matrix.rows.iter().flat_map(|row| &row.cells).flatten().filter_map(|case| cell::note(case)).collect();
    let sign = |note: &str| if note == "FAIL" && page.style.unicode { "✗".to_owned() } else { format!("({note})") };
    let notes = cell::NOTES.iter().filter(|(note, _)| used.contains(note));
    let legend: Vec<_> = notes.map(|(note, meaning)| format!("{}: {meaning}", sign(note))).collect();
    if !legend.is_empty() {
        page.paragraph(2, Tone::Quiet, &legend.join("; "));
    }
}

/// One line per distro: the verdict on it as installed.
fn write_verdicts(page: &mut Page, matrix: &Matrix<'_>) {
    page.heading("Verdict as installed");
    let distros = matrix.distros();
    let width = distros.iter().map(|distro| clean(distro).width()).max().unwrap_or(0);
    for distro in distros {
        let counts = Counts::of(matrix.column(Column { distro, remedy: None }));
        let verdict = tally::worst(&counts);
        let labels = [(&*clean(distro), width, Tone::Plain), (verdict.as_str(), 7, Tone::from(verdict))];
        page.entry(2, &labels, Tone::Plain, &tally::words(&counts));
    }
}
