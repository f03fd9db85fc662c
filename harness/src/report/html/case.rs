//! One case: its mark, and everything that is known of it.

use crate::{
    model::{RemedyVerdict, Verdict, report::CaseReport},
    report::{
        case_words, cause, cell,
        matrix::path_of,
        text::{clean, duration, explain_command},
    },
};

/// A verdict as a mark and a word; the class gives it its colour.
#[derive(Clone, Copy)]
pub(super) struct Badge {
    pub(super) class: &'static str,
    pub(super) mark: &'static str,
    pub(super) word: &'static str,
}

impl Badge {
    /// Of a remedy with which nothing could be seen.
    pub(super) const NOT_JUDGED: Self = Self { word: "not judged", ..Self::of(Verdict::Error) };

    pub(super) const fn of(verdict: Verdict) -> Self {
        Self { class: verdict.as_str(), mark: cell::mark(verdict, true), word: verdict.as_str() }
    }

    pub(super) const fn of_remedy(verdict: RemedyVerdict) -> Self {
        let (class, mark, word) = match verdict {
            RemedyVerdict::Fixes => ("pass", "✓", "fixes"),
            RemedyVerdict::Partly => ("known", "~", "partly"),
            RemedyVerdict::NoEffect => ("skipped", "–", "no effect"),
            RemedyVerdict::Breaks => ("fail", "✗", "breaks"),
            RemedyVerdict::NotApplicable => ("skipped", "–", "not applicable"),
        };
        Self { class, mark, word }
    }
}

/// All that is known of a case.
pub(super) struct CaseView {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) badge: Badge,
    pub(super) lines: Vec<String>,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) explain: Option<String>,
}

impl CaseView {
    pub(super) fn of(case: &CaseReport) -> Self {
        let mut facts = vec![("took", duration(case.duration_us))];
        facts.extend(case.source_ip.map(|address| ("came from", address.to_string())));
        facts.extend(case.backend.as_deref().map(|pod| ("answered by", pod.to_owned())));
        if let Some(cause) = &case.cause {
            facts.extend(cause::place(cause).map(|place| ("rule", place)));
            facts.extend(cause.owner.clone().map(|owner| ("owner", owner)));
        }
        facts.extend(case.upstream.clone().map(|upstream| ("reported as", upstream)));
        for (_, text) in &mut facts {
            *text = clean(text).into_owned();
        }
        let explains = !matches!(case.verdict, Verdict::Pass | Verdict::Skipped | Verdict::Error);
        Self {
            id: clean(&case.id).into_owned(),
            path: path_of(case).to_string(),
            badge: Badge::of(case.verdict),
            lines: case_words::of(case),
            facts,
            explain: explains.then(|| explain_command(&case.id)),
        }
    }
}
