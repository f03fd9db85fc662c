//! One report of the reports of all shards, as if one run had done it all.

use std::collections::{HashMap, HashSet};

use crate::model::{
    RemedyVerdict, Verdict,
    report::{
        CaseReport, Cause, CauseGroup, ClusterReport, Counts, DistroReport, FORMAT, RemedyReport, Report, Run,
        ShardReport,
    },
};

/// Reports that are not all parts of one whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("there is no report to merge")]
    Nothing,
    /// A run of everything.
    #[error("the run {0} is no shard: it was made without `--shard`")]
    NoShard(String),
    /// Parts of different wholes.
    #[error("the runs {one} and {other} are not parts of one whole: {why}")]
    Different {
        /// One run.
        one: String,
        /// The other run.
        other: String,
        /// What tells them apart.
        why: &'static str,
    },
    /// One part, two reports.
    #[error("shard {number} is there twice: {one} and {other}")]
    Twice {
        /// The shard.
        number: u32,
        /// One run.
        one: String,
        /// The other run.
        other: String,
    },
    /// A part without a report.
    #[error("shard {0} of {1} is missing")]
    Missing(u32, u32),
}

/// Merges the parts. `id` and `command` are those of the whole. Where some parts are enough (`partial`), the report
/// names those that are missing.
pub fn merge(parts: Vec<Report>, id: String, command: Vec<String>, partial: bool) -> Result<Report, MergeError> {
    let parts = in_order(parts)?;
    let missing = missing(&parts);
    if let (Some(number), false) = (missing.first(), partial) {
        return Err(MergeError::Missing(*number, parts[0].0.count));
    }
    let mut run = run(&parts, id, command);
    run.missing = missing.iter().map(|number| format!("{number}/{}", parts[0].0.count)).collect();
    let mut cases: Vec<(usize, CaseReport)> = Vec::new();
    for (shard, part) in &parts {
        cases.extend(shard.places.iter().copied().zip(part.cases.iter().cloned()));
    }
    cases.sort_by_key(|(place, _)| *place);
    let cases: Vec<CaseReport> = cases.into_iter().map(|(_, case)| case).collect();
    let whole = Whole::of(&cases);
    let parts: Vec<Report> = parts.into_iter().map(|(_, part)| part).collect();
    let distros = distros(&parts, &cases, &whole);
    let mut scenarios = distinct(parts.iter().flat_map(|part| part.scenarios.iter().cloned()));
    scenarios.sort_by_key(|scenario| whole.first(|case| case.scenario == scenario.id));
    let mut manifests = distinct(parts.iter().flat_map(|part| part.manifests.iter().cloned()));
    run.not_compared =
        scenarios.iter().map(|about| &about.id).filter(|id| were_apart(id, &parts, &cases)).cloned().collect();
    manifests.sort_by_key(|manifest| scenarios.iter().position(|scenario| manifest.path.starts_with(&scenario.id)));
    Ok(Report {
        format: FORMAT.to_owned(),
        run,
        causes: causes(&parts, &distros, &whole),
        remedies: remedies(&parts, &whole),
        differences: distinct(parts.iter().flat_map(|part| part.differences.iter().cloned())),
        evidence: parts.iter().flat_map(|part| part.evidence.iter().cloned()).collect(),
        clusters: clusters(&parts, &whole),
        distros,
        cases,
        manifests,
        scenarios,
        baseline: None,
        past: None,
    })
}

/// The cases of the whole, with their places.
struct Whole<'a> {
    cases: &'a [CaseReport],
    places: HashMap<&'a str, usize>,
}

impl<'a> Whole<'a> {
    fn of(cases: &'a [CaseReport]) -> Self {
        Self { cases, places: cases.iter().enumerate().map(|(place, case)| (case.id.as_str(), place)).collect() }
    }

    /// Place of the first such case; behind all of them where there is none.
    fn first(&self, wanted: impl Fn(&CaseReport) -> bool) -> usize {
        self.cases.iter().position(wanted).unwrap_or(self.cases.len())
    }

    fn place(&self, id: &str) -> usize {
        self.places.get(id).copied().unwrap_or(self.cases.len())
    }
}

/// Whether no part had all distros of a scenario, as installed: what differs between them was compared by none.
fn were_apart(scenario: &str, parts: &[Report], cases: &[CaseReport]) -> bool {
    let distros = |cases: &[CaseReport]| -> HashSet<String> {
        let own = cases.iter().filter(|case| case.scenario == scenario && case.remedy.is_none());
        own.map(|case| case.distro.clone()).collect()
    };
    let all = distros(cases).len();
    all > 1 && parts.iter().all(|part| distros(&part.cases).len() < all)
}

/// Every part with its shard, by number, none twice.
fn in_order(parts: Vec<Report>) -> Result<Vec<(ShardReport, Report)>, MergeError> {
    let mut shards = Vec::new();
    for part in parts {
        let shard = part.run.shard.clone().ok_or_else(|| MergeError::NoShard(part.run.id.clone()))?;
        shards.push((shard, part));
    }
    shards.sort_by_key(|(shard, _)| shard.number);
    let (first, whole) = shards.first().ok_or(MergeError::Nothing)?;
    for (shard, part) in &shards[1..] {
        let why = if (first.count, first.total) != (shard.count, shard.total) {
            "they are of another number of parts or cases"
        } else if first.division != shard.division {
            "the cases were divided otherwise (another `--times` file?)"
        } else if (&whole.run.provider, &whole.run.cluster) != (&part.run.provider, &part.run.cluster) {
            "they are of different labs"
        } else {
            continue;
        };
        return Err(MergeError::Different { one: whole.run.id.clone(), other: part.run.id.clone(), why });
    }
    for pair in shards.windows(2) {
        if pair[0].0.number == pair[1].0.number {
            let (one, other) = (pair[0].1.run.id.clone(), pair[1].1.run.id.clone());
            return Err(MergeError::Twice { number: pair[0].0.number, one, other });
        }
    }
    Ok(shards)
}

/// Numbers of the parts that are not there.
fn missing(parts: &[(ShardReport, Report)]) -> Vec<u32> {
    let count = parts.first().map_or(0, |(shard, _)| shard.count);
    (1..=count).filter(|number| parts.iter().all(|(shard, _)| shard.number != *number)).collect()
}

fn run(parts: &[(ShardReport, Report)], id: String, command: Vec<String>) -> Run {
    let runs = || parts.iter().map(|(_, part)| &part.run);
    let first = &parts[0].1.run;
    let start = runs().map(|run| run.started_at).min().unwrap_or(first.started_at);
    let since = |run: &Run| u64::try_from(run.started_at.duration_since(start).as_millis()).unwrap_or_default();
    let host = runs().find(|run| run.host.firewalld.is_some()).unwrap_or(first).host.clone();
    Run {
        id,
        started_at: start,
        duration_ms: runs().map(|run| since(run) + run.duration_ms).max().unwrap_or_default(),
        host,
        command,
        shard: None,
        interrupted: runs().any(|run| run.interrupted),
        faults: runs().flat_map(|run| run.faults.iter().cloned()).collect(),
        ..first.clone()
    }
}

fn distros(parts: &[Report], cases: &[CaseReport], whole: &Whole<'_>) -> Vec<DistroReport> {
    let mut distros: Vec<DistroReport> = Vec::new();
    for distro in parts.iter().flat_map(|part| &part.distros) {
        match distros.iter_mut().find(|known| known.id == distro.id) {
            None => distros.push(distro.clone()),
            Some(known) => {
                known.verdict = worse(known.verdict, distro.verdict);
                if known.machine.kernel.is_empty() {
                    known.machine = distro.machine.clone();
                }
                for other in &distro.other_machines {
                    if known.other_machines.iter().all(|already| already.distro != other.distro) {
                        known.other_machines.push(other.clone());
                    }
                }
            }
        }
    }
    for distro in &mut distros {
        distro.counts = Counts::of(cases.iter().filter(|case| case.distro == distro.id));
    }
    distros.sort_by_key(|distro| whole.first(|case| case.distro == distro.id));
    distros
}

fn worse(one: Verdict, other: Verdict) -> Verdict {
    let order = [Verdict::Error, Verdict::Fail, Verdict::Known, Verdict::Pass];
    order.into_iter().find(|verdict| [one, other].contains(verdict)).unwrap_or(Verdict::Skipped)
}

/// The remedies; one whose paths were divided is judged by all of its parts.
fn remedies(parts: &[Report], whole: &Whole<'_>) -> Vec<RemedyReport> {
    let mut remedies: Vec<RemedyReport> = Vec::new();
    for remedy in parts.iter().flat_map(|part| &part.remedies) {
        let same = |known: &&mut RemedyReport| {
            (&known.scenario, &known.distro, &known.id) == (&remedy.scenario, &remedy.distro, &remedy.id)
        };
        match remedies.iter_mut().find(same) {
            None => remedies.push(remedy.clone()),
            Some(known) => add(known, remedy),
        }
    }
    let of =
        |remedy: &RemedyReport, case: &CaseReport| case.scenario == remedy.scenario && case.distro == remedy.distro;
    remedies.sort_by_key(|remedy| {
        let own = whole.first(|case| of(remedy, case) && case.remedy.as_ref() == Some(&remedy.id));
        // What is not for a distro has no case of its own, and stands behind all that do.
        (own, whole.first(|case| of(remedy, case)))
    });
    remedies
}

fn add(known: &mut RemedyReport, other: &RemedyReport) {
    use RemedyVerdict::{Breaks, Fixes, NoEffect, NotApplicable, Partly};
    known.verdict = match (known.verdict, other.verdict) {
        (Breaks, _) | (_, Breaks) => Breaks,
        // Nothing fails in one part: the other one decides.
        (NotApplicable, verdict) | (verdict, NotApplicable) => verdict,
        (Fixes, Fixes) => Fixes,
        (NoEffect, NoEffect) => NoEffect,
        (Fixes | Partly | NoEffect, Fixes | Partly | NoEffect) => Partly,
    };
    known.fixed += other.fixed;
    known.still_failing += other.still_failing;
    known.survives_reload &= other.survives_reload;
    known.survives_reboot = match (known.survives_reboot, other.survives_reboot) {
        (Some(one), Some(another)) => Some(one && another),
        (one, another) => one.or(another),
    };
    for (ports, more) in [(&mut known.opens, &other.opens), (&mut known.closes, &other.closes)] {
        ports.extend(more);
        ports.sort_unstable();
        ports.dedup();
    }
    let details = [known.detail.clone(), other.detail.clone()];
    known.detail = distinct(details.into_iter().filter(|detail| !detail.is_empty())).join("; ");
}

fn causes(parts: &[Report], distros: &[DistroReport], whole: &Whole<'_>) -> Vec<CauseGroup> {
    let mut all: Vec<CauseGroup> = parts.iter().flat_map(|part| part.causes.iter().cloned()).collect();
    let first = |group: &CauseGroup| group.cases.iter().map(|id| whole.place(id)).min();
    all.sort_by_key(first);
    let mut groups: Vec<CauseGroup> = Vec::new();
    for group in all {
        match groups.iter_mut().find(|known| known.distro == group.distro && same(&known.cause, &group.cause)) {
            None => groups.push(group),
            Some(known) => known.cases.extend(group.cases),
        }
    }
    for group in &mut groups {
        group.cases.sort_by_key(|id| whole.place(id));
    }
    groups.sort_by_key(|group| (distros.iter().position(|distro| distro.id == group.distro), first(group)));
    groups
}

/// As the cases of one run are grouped: where neither table nor rule is named, the sentence counts.
fn same(one: &Cause, other: &Cause) -> bool {
    let sentence_counts = one.table.is_none() && one.rule.is_none();
    let key = |cause: &Cause| Cause { summary: String::new(), ..cause.clone() };
    key(one) == key(other) && (!sentence_counts || one.summary == other.summary)
}

/// How long clusters lived; of one whose paths were divided, the longest part.
fn clusters(parts: &[Report], whole: &Whole<'_>) -> Vec<ClusterReport> {
    let mut clusters: Vec<ClusterReport> = Vec::new();
    for cluster in parts.iter().flat_map(|part| &part.clusters) {
        match clusters.iter_mut().find(|known| known.id == cluster.id) {
            None => clusters.push(cluster.clone()),
            Some(known) => known.duration_ms = known.duration_ms.max(cluster.duration_ms),
        }
    }
    clusters.sort_by_key(|cluster| whole.first(|case| case.id.starts_with(&format!("{}::", cluster.id))));
    clusters
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}
