//! Findings as annotations of a CI job, one line each, as GitHub Actions reads them.

use super::{case_words, lacking, tally::needs_a_look, text::clean};
use crate::model::{ChangeKind, Verdict, report::Report};

/// A job's page shows no more than ten of each level.
const MOST: usize = 10;

/// One annotation.
struct Note {
    level: &'static str,
    title: String,
    message: String,
}

/// The findings: that the report is not of everything; what changed, if it was compared with a baseline, and what is not
/// as expected otherwise; and what the lab broke.
#[must_use]
pub fn to_string(report: &Report) -> String {
    let lacking = lacking::of(report).filter(|lacking| lacking.is_wrong).map(|lacking| Note {
        level: "error",
        title: lacking.kind.to_owned(),
        message: lacking.sentence,
    });
    let notes: Vec<Note> = lacking.into_iter().chain(notes(report)).collect();
    let mut text: String = notes.iter().take(MOST).map(line).collect();
    if let Some(rest) = notes.len().checked_sub(MOST).filter(|rest| *rest > 0) {
        let message = "the job summary and report.html have them all".to_owned();
        text.push_str(&line(&Note { level: "error", title: format!("{rest} more findings"), message }));
    }
    text
}

fn notes(report: &Report) -> Vec<Note> {
    let case = |case: &crate::model::report::CaseReport| Note {
        level: if case.verdict == Verdict::Fixed { "warning" } else { "error" },
        title: format!("{}: {}", case.verdict, case.id),
        message: case_words::of(case).join("\n"),
    };
    let Some(comparison) = &report.baseline else {
        return report.cases.iter().filter(|case| needs_a_look(case)).map(case).collect();
    };
    let changes = comparison.changes.iter().map(|change| {
        let known = report.cases.iter().find(|case| case.id == change.id);
        let mut lines = vec![change.words()];
        lines.extend(known.map(case_words::of).unwrap_or_default());
        let bad = matches!(
            change.kind,
            ChangeKind::NewFailure | ChangeKind::Outcome | ChangeKind::Cause | ChangeKind::Remedy
        );
        Note {
            level: if bad { "error" } else { "warning" },
            title: format!("{}: {}", change.kind.meaning(), change.id),
            message: lines.join("\n"),
        }
    });
    let broken = report.cases.iter().filter(|case| case.verdict == Verdict::Error);
    changes.chain(broken.map(case)).collect()
}

fn line(note: &Note) -> String {
    let message: Vec<String> = note.message.lines().map(|line| escaped(&clean(line))).collect();
    let title = escaped(&clean(&note.title)).replace(':', "%3A").replace(',', "%2C");
    format!("::{} title={title}::{}\n", note.level, message.join("%0A"))
}

/// What the format itself uses, written so that it is text.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
