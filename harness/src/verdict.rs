//! The verdict: what outcomes mean against what was expected. Pure.

use std::net::IpAddr;

use crate::{
    catalog::scenario::{Expect, ExpectedSource, KnownIssue, Scenario},
    model::{Outcome, RemedyVerdict, Verdict},
    plan::Case,
};

/// One try of a case, as far as the verdict cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// What happened.
    pub outcome: Outcome,
    /// Source address that the backend saw.
    pub source: Option<IpAddr>,
    /// The prober's own address.
    pub prober: Option<IpAddr>,
    /// Whether the source is an address of a node.
    pub source_is_node: bool,
}

/// The judgement on a case, with a word on why when that is not plain from the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// What a person needs beside outcome and expectation.
    pub note: Option<String>,
    /// The known issue that applies.
    pub upstream: Option<String>,
}

/// Judges a case by its tries: all of them must agree.
///
/// `remedy` is the id of the remedy that was applied, if any: a known issue that a remedy repairs is a pass,
/// the same without a remedy is [`Verdict::Fixed`].
#[must_use]
pub fn judge(scenario: &Scenario, distro: &str, remedy: Option<&str>, case: &Case, tries: &[Observed]) -> Judged {
    let judged = |verdict, note| Judged { verdict, note, upstream: None };
    let Some(last) = tries.last() else {
        return judged(Verdict::Error, Some("no probe was made".to_owned()));
    };
    if last.outcome == Outcome::Error {
        return judged(Verdict::Error, None);
    }
    if tries.iter().any(|one| one.outcome != last.outcome) {
        let all: Vec<String> = tries.iter().map(|one| one.outcome.to_string()).collect();
        return judged(Verdict::Flaky, Some(format!("tries differ: {}", all.join(", "))));
    }
    match (met(case.spec.expect, last), known_issue(scenario, distro, remedy, case)) {
        (Met::Yes, None) => judged(Verdict::Pass, None),
        (Met::No, None) => judged(Verdict::Fail, None),
        (Met::Not(note), None) => judged(Verdict::Fail, Some(note.to_owned())),
        (Met::No | Met::Not(_), Some(issue)) if issue.outcome == last.outcome => {
            Judged { verdict: Verdict::Known, note: None, upstream: Some(issue.upstream.clone()) }
        }
        (Met::No | Met::Not(_), Some(issue)) => {
            judged(Verdict::Fail, Some(format!("known to end as {} ({})", issue.outcome, issue.upstream)))
        }
        // With a remedy, repairing is the point; only an issue about that very remedy can be outlived.
        (Met::Yes, Some(issue)) if remedy.is_some() && issue.remedy.is_none() => judged(Verdict::Pass, None),
        (Met::Yes, Some(issue)) => Judged {
            verdict: Verdict::Fixed,
            note: Some(format!("known to end as {}, and no longer does", issue.outcome)),
            upstream: Some(issue.upstream.clone()),
        },
    }
}

/// Whether all is as expected: the outcome, and the source address where the expectation names one.
#[must_use]
pub fn meets(expect: Expect, observed: &Observed) -> bool {
    matches!(met(expect, observed), Met::Yes)
}

/// How an outcome stands against an expectation.
enum Met {
    Yes,
    No,
    /// Outcome and expectation do not say it.
    Not(&'static str),
}

fn met(expect: Expect, observed: &Observed) -> Met {
    match expect {
        Expect::Ok(source) if observed.outcome == Outcome::Ok => met_source(source, observed),
        Expect::Blocked | Expect::Outcome(_) if expect.allows(observed.outcome) => Met::Yes,
        Expect::Ok(_) | Expect::Blocked | Expect::Outcome(_) => Met::No,
    }
}

fn met_source(source: ExpectedSource, observed: &Observed) -> Met {
    match source {
        ExpectedSource::Preserved if observed.source.is_none() || observed.source != observed.prober => {
            Met::Not("the backend saw another source address")
        }
        ExpectedSource::Node if !observed.source_is_node => {
            Met::Not("the backend saw a source address that is no node's")
        }
        ExpectedSource::Any | ExpectedSource::Preserved | ExpectedSource::Node => Met::Yes,
    }
}

/// The known issue about a case; one about this very remedy goes before one about any state.
fn known_issue<'a>(scenario: &'a Scenario, distro: &str, remedy: Option<&str>, case: &Case) -> Option<&'a KnownIssue> {
    let about = |issue: &&KnownIssue| issue.distro == distro && issue.paths.contains(&case.spec.path);
    let mut issues = scenario.known_issues.iter().filter(about);
    let of_remedy = |issue: &&KnownIssue| issue.remedy.is_some() && issue.remedy.as_deref() == remedy;
    issues.clone().find(of_remedy).or_else(|| issues.find(|issue| issue.remedy.is_none()))
}

/// How one path fared with a remedy, against as installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathWithRemedy {
    /// Worked as installed.
    pub before: bool,
    /// Works with the remedy.
    pub with: bool,
    /// Works with the remedy after a firewall reload.
    pub after_reload: bool,
}

/// The judgement on a remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemedyJudged {
    /// The verdict.
    pub verdict: RemedyVerdict,
    /// Failing paths that work with it.
    pub fixed: usize,
    /// Paths that fail with it.
    pub still_failing: usize,
    /// Whether every path is the same after a reload.
    pub survives_reload: bool,
}

/// Judges a remedy by all of its paths.
#[must_use]
pub fn judge_remedy(paths: &[PathWithRemedy]) -> RemedyJudged {
    let lasting = |path: &&PathWithRemedy| path.with && path.after_reload;
    let failing = paths.iter().filter(|path| !path.before).count();
    let fixed = paths.iter().filter(|path| !path.before && path.with).count();
    let fixed_for_good = paths.iter().filter(|path| !path.before).filter(lasting).count();
    let broken = paths.iter().filter(|path| path.before && !(path.with && path.after_reload)).count();
    let verdict = if broken > 0 {
        RemedyVerdict::Breaks
    } else if failing == 0 {
        RemedyVerdict::NotApplicable
    } else if fixed_for_good == failing {
        RemedyVerdict::Fixes
    } else if fixed > 0 {
        RemedyVerdict::Partly
    } else {
        RemedyVerdict::NoEffect
    };
    RemedyJudged {
        verdict,
        fixed,
        still_failing: paths.iter().filter(|path| !path.with).count(),
        survives_reload: paths.iter().all(|path| path.with == path.after_reload),
    }
}

#[cfg(test)]
mod tests {
    use super::{PathWithRemedy, judge_remedy};
    use crate::model::RemedyVerdict;

    #[test]
    fn remedies_are_judged_by_every_path() {
        let path = |before, with, after_reload| PathWithRemedy { before, with, after_reload };
        let (works, repaired, fails) = (path(true, true, true), path(false, true, true), path(false, false, false));
        let table: [(&[PathWithRemedy], RemedyVerdict); 8] = [
            (&[works, repaired], RemedyVerdict::Fixes),
            (&[works, repaired, fails], RemedyVerdict::Partly),
            (&[works, fails], RemedyVerdict::NoEffect),
            (&[works, path(false, true, false)], RemedyVerdict::Partly),
            (&[repaired, path(true, false, false)], RemedyVerdict::Breaks),
            (&[repaired, path(true, true, false)], RemedyVerdict::Breaks),
            (&[works], RemedyVerdict::NotApplicable),
            (&[], RemedyVerdict::NotApplicable),
        ];
        for (paths, verdict) in table {
            assert_eq!(judge_remedy(paths).verdict, verdict, "{paths:?}");
        }
    }
}
