//! The end of the text: cases that somebody must look at, the report's folder, counts and versions.

use camino::Utf8Path;

use super::{page::Page, style::Tone};
use crate::{
    model::{
        Verdict,
        report::{CaseReport, Counts, Report},
    },
    report::{
        case_words, lacking, remedy,
        tally::{self, needs_a_look},
        text::{clean, count, duration, explain_command},
        versions,
    },
};

/// Cases that are written out; a lab that is all red would fill the screen.
const MOST_CASES: usize = 40;

/// Writes every case that is not as it should be, with the command that explains it.
pub(super) fn write_cases(page: &mut Page, report: &Report) {
    let cases: Vec<_> = report.cases.iter().filter(|case| needs_a_look(case)).collect();
    if cases.is_empty() {
        return;
    }
    page.heading(&format!("{} to look at", count(cases.len(), "case")));
    let groups: Vec<_> = cases.chunk_by(|one, next| broke_together(one, next)).collect();
    for group in groups.iter().take(MOST_CASES) {
        write_case(page, group[0], group.len());
    }
    let rest: usize = groups.iter().skip(MOST_CASES).map(|group| group.len()).sum();
    if rest > 0 {
        let rest = count(rest, "other case");
        page.paragraph(2, Tone::Plain, &format!("and {rest}: report.html has them all"));
    }
}

/// Whether two cases are of one cluster that broke, for one reason.
fn broke_together(one: &CaseReport, next: &CaseReport) -> bool {
    let cluster = |case: &CaseReport| (case.scenario.clone(), case.distro.clone(), case.remedy.clone());
    [one, next].iter().all(|case| case.verdict == Verdict::Error)
        && one.detail == next.detail
        && cluster(one) == cluster(next)
}

/// Writes a case; `alike` is how many it stands for.
fn write_case(page: &mut Page, case: &CaseReport, alike: usize) {
    let word = page.style.paint(Tone::from(case.verdict), &case.verdict.as_str().to_ascii_uppercase());
    let name = match case.id.rsplit_once("::") {
        Some((cluster, _)) if alike > 1 => format!("{cluster}, {}", count(alike, "case")),
        _ => case.id.clone(),
    };
    page.line(&format!("  {word}  {}", clean(&name)));
    for line in case_words::of(case) {
        page.paragraph(4, Tone::Plain, &line);
    }
    if case.verdict != Verdict::Error {
        page.line(&format!("    {}", explain_command(&case.id)));
    }
}

/// Writes where the report is and the last lines: what it all comes to, and what decided it.
pub(super) fn write_end(page: &mut Page, report: &Report, dir: Option<&Utf8Path>) {
    page.gap();
    if let Some(dir) = dir {
        page.entry(0, &[("Report:", 7, Tone::Heading)], Tone::Plain, &clean(dir.as_str()));
    }
    let run = &report.run;
    let host = versions::of_host(&run.host).into_iter().map(|(name, version)| format!("{name} {version}"));
    let lab = format!("{}: {}, pathlab {}", versions::of_lab(run), host.collect::<Vec<_>>().join(", "), run.pathlab);
    page.paragraph(0, Tone::Quiet, &clean(&lab));
    let counts = Counts::of(&report.cases);
    let changed = remedy::changed(report, None);
    let (headline, tone) = comes_to(report, tally::worst(&counts), changed);
    let cases = count(tally::total(&counts), "case");
    let took = duration(run.duration_ms.saturating_mul(1_000));
    page.entry(
        0,
        &[(&headline, 0, tone)],
        Tone::Plain,
        &format!("{cases} in {took}: {}{}", tally::words(&counts), changed_words(changed)),
    );
}

/// What it all comes to, and how that is shown.
fn comes_to(report: &Report, worst: Verdict, changed: usize) -> (String, Tone) {
    if let Some(lacking) = lacking::of(report) {
        let tone = if lacking.is_wrong { Tone::Bad } else { Tone::Plain };
        return (format!("{}.", lacking.sentence), tone);
    }
    let verdict = if changed > 0 && headline(worst) == headline(Verdict::Pass) { Verdict::Fail } else { worst };
    let (headline, verdict) = match &report.baseline {
        Some(comparison) if verdict != Verdict::Error && comparison.changes.is_empty() => {
            ("As in the baseline.", Verdict::Pass)
        }
        Some(_) if verdict != Verdict::Error => ("Changed.", Verdict::Fail),
        _ => (headline(verdict), verdict),
    };
    (headline.to_owned(), Tone::from(verdict))
}

fn changed_words(changed: usize) -> String {
    if changed == 0 { String::new() } else { format!("; {} changed", count(changed, "remedy verdict")) }
}

/// What the worst verdict means for the run, as its exit status does.
const fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass | Verdict::Known | Verdict::Skipped => "As expected.",
        Verdict::Fail | Verdict::Fixed | Verdict::Flaky => "Not as expected.",
        Verdict::Error => "The lab broke.",
    }
}
