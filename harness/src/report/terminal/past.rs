//! The history as text: one strip per case, and what it comes to.

use super::{
    page::Page,
    style::{TerminalStyle, Tone},
};
use crate::{
    model::{Past, PastCase, Verdict},
    report::{
        past_words,
        text::{clean, count},
    },
};

/// Renders what earlier runs showed, distro by distro.
#[must_use]
pub fn render_past(past: &Past, style: TerminalStyle) -> String {
    let mut page = Page::new(style);
    let (Some(first), Some(last)) = (past.nights.first(), past.nights.last()) else {
        page.line("no runs of such cases in the history");
        return page.finish();
    };
    let nights = count(past.nights.len(), "run");
    let (first, last) = (past_words::name(first), past_words::name(last));
    page.paragraph(0, Tone::Plain, &clean(&format!("{nights}, from {first} to {last}")));
    let mut distros: Vec<&str> = Vec::new();
    for case in &past.cases {
        let distro = distro(case);
        if !distros.contains(&distro) {
            distros.push(distro);
        }
    }
    for name in distros {
        page.heading(&clean(name));
        past.cases.iter().filter(|case| distro(case) == name).for_each(|case| write_case(&mut page, case));
    }
    page.gap();
    if past.steady > 0 {
        page.paragraph(0, Tone::Plain, &format!("{} the same in all of these runs", count(past.steady, "case")));
    }
    if !past.cases.is_empty() {
        let legend = Verdict::ALL.iter().map(|verdict| format!("{} {verdict}", mark(*verdict, style)));
        page.paragraph(0, Tone::Quiet, &legend.collect::<Vec<_>>().join(", "));
    }
    page.finish()
}

fn distro(case: &PastCase) -> &str {
    case.id.split("::").nth(1).unwrap_or_default()
}

fn write_case(page: &mut Page, case: &PastCase) {
    let style = page.style;
    let mark = |verdict: &Option<Verdict>| {
        verdict.map_or_else(|| " ".to_owned(), |verdict| style.paint(Tone::from(verdict), mark(verdict, style)))
    };
    page.line(&format!("  |{}|  {}", case.verdicts.iter().map(mark).collect::<String>(), clean(&case.id)));
    let sentences = past_words::of(case);
    if sentences.is_empty() {
        page.paragraph(4, Tone::Quiet, &format!("always {}", clean(&case.now)));
    }
    for sentence in &sentences {
        page.paragraph(4, Tone::Plain, sentence);
    }
    let Some(turn) = &case.turn else { return };
    let changed = past_words::changed(turn);
    if changed.is_empty() {
        page.paragraph(4, Tone::Quiet, "between these two: nothing that is recorded");
    } else {
        page.paragraph(4, Tone::Plain, "between these two changed:");
        for fact in &changed {
            page.paragraph(6, Tone::Plain, fact);
        }
    }
}

/// One character per verdict.
const fn mark(verdict: Verdict, style: TerminalStyle) -> &'static str {
    match verdict {
        Verdict::Pass if style.unicode => "·",
        Verdict::Pass => ".",
        Verdict::Known => "k",
        Verdict::Fail => "F",
        Verdict::Fixed => "!",
        Verdict::Flaky => "~",
        Verdict::Skipped => "-",
        Verdict::Error => "E",
    }
}
