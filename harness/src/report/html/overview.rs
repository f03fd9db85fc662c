//! The top of the page: what the run comes to, and the verdict on each distro.

use super::case::Badge;
use crate::{
    model::{
        Verdict,
        report::{CaseReport, Counts, Report},
    },
    report::{
        lacking,
        matrix::{Column, Matrix},
        tally,
        text::{clean, count, duration},
    },
};

/// What the run comes to.
pub(super) struct Headline {
    pub(super) badge: Badge,
    pub(super) title: String,
    pub(super) sentence: String,
    pub(super) started: String,
    pub(super) lab: String,
    pub(super) run: String,
}

/// The verdict on one distro.
pub(super) struct DistroCard {
    pub(super) id: String,
    pub(super) badge: Badge,
    pub(super) sentences: Vec<String>,
    pub(super) owners: Vec<String>,
    /// One mark per case as installed, in the order of the plan.
    pub(super) strip: Vec<Badge>,
}

/// Most marks of a card's strip: more would be no picture.
const MOST_MARKS: usize = 60;

impl Headline {
    pub(super) fn of(report: &Report) -> Self {
        let counts = Counts::of(&report.cases);
        let verdict = tally::worst(&counts);
        let run = &report.run;
        let took = duration(run.duration_ms.saturating_mul(1_000));
        let lacking = lacking::of(report);
        let wrong = lacking.as_ref().filter(|lacking| lacking.is_wrong);
        Self {
            badge: wrong
                .map_or(Badge::of(verdict), |lacking| Badge { word: lacking.kind, ..Badge::of(Verdict::Error) }),
            title: lacking.map_or_else(|| title(verdict).to_owned(), |lacking| lacking.sentence),
            sentence: format!("{} in {took}: {}", count(tally::total(&counts), "case"), tally::words(&counts)),
            started: run.started_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            lab: clean(&crate::report::versions::of_lab(run)).into_owned(),
            run: clean(&run.id).into_owned(),
        }
    }
}

const fn title(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Every path works as expected",
        Verdict::Known => "As expected: only known issues fail",
        Verdict::Skipped => "Nothing was tried",
        Verdict::Fail => "Not as expected: paths fail",
        Verdict::Fixed => "Not as expected: a known issue no longer shows",
        Verdict::Flaky => "Not as expected: results differ between tries",
        Verdict::Error => "The lab broke: not every result counts",
    }
}

impl DistroCard {
    pub(super) fn all(report: &Report, matrices: &[Matrix<'_>]) -> Vec<Self> {
        report.distros.iter().map(|distro| Self::of(report, matrices, &distro.id)).collect()
    }

    fn of(report: &Report, matrices: &[Matrix<'_>], distro: &str) -> Self {
        let cases: Vec<&CaseReport> =
            matrices.iter().flat_map(|matrix| matrix.column(Column { distro, remedy: None })).collect();
        let counts = Counts::of(cases.iter().copied());
        let mut owners: Vec<String> = Vec::new();
        for group in report.causes.iter().filter(|group| group.distro == distro) {
            let owner =
                group.cause.owner.as_deref().map_or_else(|| group.cause.kind.to_string(), |o| clean(o).into_owned());
            if !owners.contains(&owner) {
                owners.push(owner);
            }
        }
        let marks = if cases.len() > MOST_MARKS { &[][..] } else { &cases };
        Self {
            id: clean(distro).into_owned(),
            badge: Badge::of(tally::worst(&counts)),
            sentences: sentences(&cases),
            owners,
            strip: marks.iter().map(|case| Badge::of(case.verdict)).collect(),
        }
    }
}

/// `9 of 11 paths are as they should be. 2 fail as canonical/microk8s#4903 says.`
fn sentences(cases: &[&CaseReport]) -> Vec<String> {
    let number = |verdict| cases.iter().filter(|case| case.verdict == verdict).count();
    let pass = number(Verdict::Pass);
    let all = cases.len();
    let mut sentences = vec![if pass == all && all > 0 {
        format!("All {} are as they should be.", count(all, "path"))
    } else {
        format!("{pass} of {} are as they should be.", count(all, "path"))
    }];
    let mut upstream: Vec<&str> = cases
        .iter()
        .filter(|case| case.verdict == Verdict::Known)
        .filter_map(|case| case.upstream.as_deref())
        .collect();
    upstream.dedup();
    let says = if upstream.is_empty() { "a known issue".to_owned() } else { upstream.join(", ") };
    let rest = [
        (Verdict::Known, "fails", "fail", format!("as {says} says")),
        (Verdict::Fail, "fails", "fail", "unexpectedly".to_owned()),
        (Verdict::Fixed, "works", "work", "though known to fail".to_owned()),
        (Verdict::Flaky, "fails", "fail", "only sometimes".to_owned()),
    ];
    for (verdict, one, many, how) in rest {
        match number(verdict) {
            0 => {}
            1 => sentences.push(format!("1 {one} {how}.")),
            n => sentences.push(format!("{n} {many} {how}.")),
        }
    }
    match (number(Verdict::Error), number(Verdict::Skipped)) {
        (0, 0) => {}
        (broken, 0) => sentences.push(format!("{broken} could not be judged.")),
        (0, skipped) => sentences.push(format!("{skipped} skipped.")),
        (broken, skipped) => sentences.push(format!("{broken} could not be judged, {skipped} skipped.")),
    }
    sentences.iter().map(|sentence| clean(sentence).into_owned()).collect()
}
