//! What changed against a baseline.

use crate::{
    model::{Change, ChangeKind, Comparison},
    report::text::{clean, count},
};

/// What changed.
pub(super) struct ChangesView {
    pub(super) title: String,
    pub(super) sentence: String,
    pub(super) rows: Vec<ChangeRow>,
}

/// One change.
pub(super) struct ChangeRow {
    /// Its colour: that of a verdict.
    pub(super) class: &'static str,
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) before: String,
    pub(super) now: String,
}

impl ChangesView {
    pub(super) fn of(comparison: &Comparison) -> Self {
        let title = match comparison.changes.len() {
            0 => "No change against the baseline".to_owned(),
            n => format!("{} against the baseline", count(n, "change")),
        };
        let unjudged = match comparison.unjudged {
            0 => String::new(),
            n => format!(" {} could not be judged.", count(n, "case")),
        };
        Self {
            title,
            sentence: format!("{}: {} as before.{unjudged}", clean(&comparison.file), comparison.same),
            rows: comparison.changes.iter().map(row).collect(),
        }
    }
}

fn row(change: &Change) -> ChangeRow {
    let text = |side: &Option<String>| side.as_deref().map_or_else(|| "–".to_owned(), |text| clean(text).into_owned());
    ChangeRow {
        class: match change.kind {
            ChangeKind::NewFailure | ChangeKind::Outcome => "fail",
            ChangeKind::Cause | ChangeKind::Remedy | ChangeKind::Verdict => "flaky",
            ChangeKind::Fixed => "pass",
            ChangeKind::New | ChangeKind::Gone => "known",
        },
        kind: change.kind.meaning(),
        id: clean(&change.id).into_owned(),
        before: text(&change.before),
        now: text(&change.now),
    }
}
