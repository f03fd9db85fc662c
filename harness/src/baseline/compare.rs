//! A report against a baseline.

use super::{Baseline, Entry, State, is_judged, remedy_id};
use crate::model::{Change, ChangeKind, Comparison, Outcome, Verdict, report::Report};

/// What of a baseline a run could have shown: the rest of it is not gone, it was not asked for.
pub struct Scope<'a> {
    /// Whether a case of this id was asked for.
    pub case: &'a dyn Fn(&str) -> bool,
    /// Whether a remedy of this id was asked for, with all of its paths.
    pub remedy: &'a dyn Fn(&str) -> bool,
    /// Whether the run came to its end. If not, what was skipped says nothing.
    pub complete: bool,
}

/// What is not as the baseline says, the worst first. `file` is the baseline's name.
#[must_use]
pub fn compare(baseline: &Baseline, report: &Report, scope: &Scope<'_>, file: &str) -> Comparison {
    let mut comparison = Comparison { file: file.to_owned(), same: 0, unjudged: 0, changes: Vec::new() };
    let mut seen = std::collections::HashSet::new();
    for case in &report.cases {
        seen.insert(case.id.clone());
        if case.verdict == Verdict::Error || (case.verdict == Verdict::Skipped && !scope.complete) {
            comparison.unjudged += 1;
            continue;
        }
        one(&mut comparison, baseline, &case.id, &Entry::of_case(case));
    }
    for remedy in &report.remedies {
        let id = remedy_id(remedy);
        seen.insert(id.clone());
        if (scope.remedy)(&id) && is_judged(report, remedy) {
            one(&mut comparison, baseline, &id, &Entry::of_remedy(remedy));
        }
    }
    for (id, entry) in baseline.entries.iter().filter(|(id, _)| !seen.contains(*id)) {
        let asked = match entry.state {
            State::Case(..) => (scope.case)(id),
            State::Remedy(_) => (scope.remedy)(id),
        };
        if asked {
            let before = Some(entry.to_string());
            comparison.changes.push(Change { kind: ChangeKind::Gone, id: id.clone(), before, now: None });
        }
    }
    comparison.changes.sort_by(|one, other| (one.kind, &one.id).cmp(&(other.kind, &other.id)));
    comparison
}

fn one(comparison: &mut Comparison, baseline: &Baseline, id: &str, now: &Entry) {
    let before = baseline.entries.get(id);
    match before.map_or(Some(ChangeKind::New), |before| kind(before, now)) {
        None => comparison.same += 1,
        Some(kind) => comparison.changes.push(Change {
            kind,
            id: id.to_owned(),
            before: before.map(ToString::to_string),
            now: Some(now.to_string()),
        }),
    }
}

/// What kind of change it is; none where nothing changed, and where the baseline itself says that it is by chance.
fn kind(before: &Entry, now: &Entry) -> Option<ChangeKind> {
    let (State::Case(was, was_outcome), State::Case(is, is_outcome)) = (before.state, now.state) else {
        return (before != now).then_some(ChangeKind::Remedy);
    };
    if before == now || was == Verdict::Flaky {
        return None;
    }
    let good = |verdict| matches!(verdict, Verdict::Pass | Verdict::Known | Verdict::Skipped);
    Some(match (good(was), good(is)) {
        // A case that fails where it is known to succeed is new, whatever it was before.
        (true, false) if is != Verdict::Fixed => ChangeKind::NewFailure,
        (true | false, _) if fails(was, was_outcome) && works(is, is_outcome) => ChangeKind::Fixed,
        _ if was_outcome != is_outcome => ChangeKind::Outcome,
        _ if was == is => ChangeKind::Cause,
        _ => ChangeKind::Verdict,
    })
}

fn fails(verdict: Verdict, outcome: Option<Outcome>) -> bool {
    matches!(verdict, Verdict::Fail | Verdict::Known) && outcome.is_some()
}

fn works(verdict: Verdict, outcome: Option<Outcome>) -> bool {
    matches!(verdict, Verdict::Pass | Verdict::Fixed) && outcome.is_some()
}
