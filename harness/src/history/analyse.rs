//! From the records of some nights to what a reader wants to know of each case. Pure.

use std::collections::BTreeSet;

use super::{
    CaseRecord, RunRecord, facts,
    segment::{Segment, is_good, settle},
};
use crate::model::{Night, Past, PastCase, Turn};

/// What these runs, the oldest first, show of their cases. Cases that were the same in all of them are counted only,
/// unless `steady_too`.
#[must_use]
pub fn analyse(runs: &[RunRecord], steady_too: bool) -> Past {
    let ids: BTreeSet<&str> = runs.iter().flat_map(|run| run.cases.keys().map(String::as_str)).collect();
    let all = ids.into_iter().map(|id| case(runs, id));
    let (mut cases, mut steady) = (Vec::new(), 0);
    for one in all {
        let moved = one.turn.is_some() || one.flakes > 0;
        steady += usize::from(!moved);
        if moved || steady_too {
            cases.push(one);
        }
    }
    Past { nights: runs.iter().map(night).collect(), cases, steady }
}

fn night(run: &RunRecord) -> Night {
    Night { run: run.name.clone(), started_at: run.started_at }
}

fn case(runs: &[RunRecord], id: &str) -> PastCase {
    let records: Vec<Option<&CaseRecord>> = runs.iter().map(|run| run.cases.get(id)).collect();
    let counts = |record: &&CaseRecord| record.verdict.says_something();
    let judged = || records.iter().enumerate().filter_map(|(night, record)| Some((night, record.filter(counts)?)));
    let (segments, flakes) = settle(judged());
    let now = records.iter().rev().flatten().next().map(|record| words(record)).unwrap_or_default();
    PastCase {
        id: id.to_owned(),
        verdicts: records.iter().map(|record| record.map(|record| record.verdict)).collect(),
        now,
        turn: turn(runs, id, &segments),
        flakes,
        judged: judged().count(),
    }
}

/// Where the last settled stretch began. A case that is bad turned when it became bad, however it failed since.
fn turn(runs: &[RunRecord], id: &str, segments: &[Segment<'_>]) -> Option<Turn> {
    let good = |segment: &Segment<'_>| is_good(segment.state.verdict);
    let newest = segments.last()?;
    let since = segments.iter().rposition(|segment| good(segment) != good(newest));
    // Where it was never otherwise good or bad, the last change of how it ends counts.
    let (before, after) = match since {
        Some(before) => (&segments[before], &segments[before + 1]),
        None => (segments.len().checked_sub(2).map(|index| &segments[index])?, newest),
    };
    let (last, first) = (&runs[before.last], &runs[after.first]);
    Some(Turn {
        good_before: good(before),
        good_after: good(after),
        before: words(before.state),
        after: words(after.state),
        last: night(last),
        first: night(first),
        changed: facts::changed(last, first, id),
    })
}

/// `fail timeout, firewall-drop by user in ip filter FORWARD: drop`.
fn words(record: &CaseRecord) -> String {
    let cause = if record.cause.is_empty() { String::new() } else { format!(", {}", record.cause) };
    format!("{} {}{cause}", record.verdict, record.outcome)
}
