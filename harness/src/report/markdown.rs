//! The summary of a CI job, in Markdown.

use std::fmt::Write as _;

use super::{
    case_words, lacking, past_words, remedy,
    tally::{self, needs_a_look},
    text::{clean, count, duration},
    versions,
};
use crate::model::{
    Verdict,
    report::{CaseReport, Counts, Report},
};

/// Rows of a table that are written out: a summary has a limit of its size.
const MOST_ROWS: usize = 50;

/// The report in Markdown: what it comes to, what changed, each distro, what is to look at, what turned.
#[must_use]
pub fn to_string(report: &Report) -> String {
    let mut page = String::new();
    head(&mut page, report);
    changes(&mut page, report);
    distros(&mut page, report);
    look(&mut page, report);
    past(&mut page, report);
    page
}

fn head(page: &mut String, report: &Report) {
    let (counts, run) = (Counts::of(&report.cases), &report.run);
    let worst = tally::worst(&counts);
    let broken = worst == Verdict::Error;
    let lacking = lacking::of(report);
    let title = match &report.baseline {
        _ if lacking.is_some() => lacking.map(|lacking| text(&lacking.sentence)).unwrap_or_default(),
        _ if broken => "The lab broke: not every result counts".to_owned(),
        Some(comparison) if comparison.changes.is_empty() => "As in the baseline".to_owned(),
        Some(comparison) => format!("{} against the baseline", count(comparison.changes.len(), "change")),
        None if needs(report) => "Not as expected".to_owned(),
        None => "As expected".to_owned(),
    };
    line(page, &format!("## {title}\n"));
    let took = duration(run.duration_ms.saturating_mul(1_000));
    let cases = count(tally::total(&counts), "case");
    line(page, &format!("{cases} in {took}: {}. {}.\n", tally::words(&counts), text(&versions::of_lab(run))));
    for fault in &run.faults {
        line(page, &format!("> The lab failed and was built again: {}\n", text(fault)));
    }
}

fn needs(report: &Report) -> bool {
    report.cases.iter().any(needs_a_look) || remedy::changed(report, None) > 0
}

fn changes(page: &mut String, report: &Report) {
    let Some(comparison) = report.baseline.as_ref().filter(|comparison| !comparison.changes.is_empty()) else { return };
    line(page, "| change | case | was | is |\n| --- | --- | --- | --- |");
    for change in comparison.changes.iter().take(MOST_ROWS) {
        let side = |side: &Option<String>| side.as_deref().map_or_else(|| "–".to_owned(), text);
        let cells = [text(change.kind.meaning()), code(&change.id), side(&change.before), side(&change.now)];
        line(page, &format!("| {} |", cells.join(" | ")));
    }
    more(page, comparison.changes.len());
}

fn distros(page: &mut String, report: &Report) {
    line(page, "| distro | as installed | cases | remedies that changed | machine |\n| --- | --- | --- | --- | --- |");
    for distro in &report.distros {
        let own: Vec<&CaseReport> = report.cases.iter().filter(|case| case.distro == distro.id).collect();
        let counts = Counts::of(own.iter().copied().filter(|case| case.remedy.is_none()));
        let changed = report.remedies.iter().filter(|remedy| remedy.distro == distro.id && remedy.is_changed());
        let changed: Vec<String> = changed.map(|remedy| code(&remedy.id)).collect();
        let cells = [
            text(&distro.id),
            tally::worst(&counts).to_string(),
            tally::words(&Counts::of(own)),
            if changed.is_empty() { "–".to_owned() } else { changed.join(", ") },
            text(&versions::of_machine(&distro.machine).join("; ")),
        ];
        line(page, &format!("| {} |", cells.join(" | ")));
    }
    page.push('\n');
}

fn look(page: &mut String, report: &Report) {
    // What fails as the baseline says is nothing to look at.
    let known = |case: &CaseReport| {
        case.verdict != Verdict::Error && report.baseline.as_ref().is_some_and(|all| all.of(&case.id).is_none())
    };
    let cases: Vec<_> = report.cases.iter().filter(|case| needs_a_look(case) && !known(case)).collect();
    if cases.is_empty() {
        return;
    }
    line(page, &format!("### {} to look at\n", count(cases.len(), "case")));
    for case in cases.iter().take(MOST_ROWS) {
        line(page, &format!("- **{}** {}", case.verdict, code(&case.id)));
        for words in case_words::of(case) {
            line(page, &format!("  - {}", text(&words)));
        }
    }
    more(page, cases.len());
}

fn past(page: &mut String, report: &Report) {
    let Some(past) = report.past.as_ref().filter(|past| !past.cases.is_empty()) else { return };
    let (nights, steady) = (count(past.nights.len(), "run"), count(past.steady, "case"));
    line(page, &format!("<details><summary>The last {nights}: {steady} the same in all of them</summary>\n"));
    for case in past.cases.iter().take(MOST_ROWS) {
        line(page, &format!("- {}: {}", code(&case.id), text(&past_words::of(case).join(" "))));
        let changed = case.turn.as_ref().map(past_words::changed).unwrap_or_default();
        for fact in changed {
            line(page, &format!("  - {}", text(&fact)));
        }
    }
    more(page, past.cases.len());
    line(page, "</details>");
}

fn more(page: &mut String, all: usize) {
    if all > MOST_ROWS {
        line(page, &format!("\n… and {} more: report.html has them all", all - MOST_ROWS));
    }
    page.push('\n');
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").expect("a String takes everything");
}

/// Text that Markdown leaves as it is.
fn text(text: &str) -> String {
    let mut safe = String::new();
    for c in clean(text).chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '@' | '!' | '~' => safe.extend(['\\', c]),
            _ => safe.push(c),
        }
    }
    safe
}

/// A name in a code span.
fn code(text: &str) -> String {
    format!("`{}`", clean(text).replace('`', "'").replace('|', "\\|"))
}
