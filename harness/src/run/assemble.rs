//! From what the clusters showed to the report. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    machines,
    observation::{CaseObservation, Moment, Observation, Try},
};
use crate::{
    catalog::{distro::Distro, scenario::Condition},
    diagnose::{Explanation, difference, evidence::Evidence, group},
    model::{
        Difference, Outcome, RemedyVerdict, Verdict,
        report::{
            CaseReport, Cause, CauseGroup, ClusterReport, ConditionReport, Counts, DistroReport, INTERRUPTED,
            ManifestReport, OtherMachine, RemedyReport, ScenarioReport,
        },
    },
    plan::{Case, ClusterPlan, Plan},
    verdict::{Observed, PathWithRemedy, judge, judge_remedy, meets},
};

/// How one cluster of the plan ended.
pub enum Ending {
    /// It was observed.
    Seen(Box<Observation>),
    /// It could not be built, or broke.
    Broken(String),
    /// The run ended before its turn, or in the middle of it.
    Interrupted,
    /// This provider cannot carry the scenario, for this reason.
    NotCarried(String),
}

impl Ending {
    /// What was observed, where it was.
    #[must_use]
    pub fn seen(&self) -> Option<&Observation> {
        match self {
            Self::Seen(seen) => Some(seen),
            Self::Broken(_) | Self::Interrupted | Self::NotCarried(_) => None,
        }
    }

    /// Why cases ended as they did, where it was looked for.
    #[must_use]
    pub fn explanations(&self) -> &[Explanation] {
        self.seen().map_or(&[], |seen| &seen.explanations)
    }
}

/// The report of each case of a cluster.
#[must_use]
pub fn cases(cluster: &ClusterPlan, ending: &Ending) -> Vec<CaseReport> {
    match ending {
        Ending::Seen(seen) => {
            let observed = cluster.cases.iter().zip(&seen.cases);
            observed.map(|(case, tries)| observed_case(cluster, case, tries, seen)).collect()
        }
        Ending::Broken(reason) => without_probe(cluster, Verdict::Error, reason),
        Ending::Interrupted => without_probe(cluster, Verdict::Skipped, INTERRUPTED),
        Ending::NotCarried(reason) => without_probe(cluster, Verdict::Skipped, reason),
    }
}

fn observed_case(cluster: &ClusterPlan, case: &Case, tries: &CaseObservation, seen: &Observation) -> CaseReport {
    if let Some(reason) = &tries.skipped {
        return blank(cluster, case, Verdict::Skipped, reason);
    }
    let Some(last) = tries.deciding().next_back() else {
        let reason = tries.error.as_deref().unwrap_or("no probe was made");
        return blank(cluster, case, Verdict::Error, reason);
    };
    let observed: Vec<Observed> = tries.deciding().map(|one| of_try(one, seen)).collect();
    let remedy = cluster.remedy.as_ref().map(|remedy| remedy.id.as_str());
    let judged = judge(&cluster.scenario, &cluster.distro.id, remedy, case, &observed);
    let detail =
        judged.note.map_or_else(|| last.result.detail.clone(), |note| format!("{}; {note}", last.result.detail));
    CaseReport {
        outcome: last.result.outcome,
        detail,
        tries: tries.tries.iter().map(Into::into).collect(),
        duration_us: last.result.duration_us,
        source_ip: last.result.source_ip,
        backend: last.result.backend.as_ref().map(|backend| backend.pod.clone()),
        backends: if case.spec.repeat > 1 { last.result.backends.clone() } else { BTreeMap::new() },
        cause: cause(case, last.result.outcome, seen),
        upstream: judged.upstream,
        ..blank(cluster, case, judged.verdict, "")
    }
}

/// Why a case failed; what ends as expected has no cause, even where its way was traced.
fn cause(case: &Case, outcome: Outcome, seen: &Observation) -> Option<Cause> {
    let explained = seen.explanations.iter().find(|explained| explained.case == case.id)?;
    (!case.spec.expect.allows(outcome)).then(|| explained.cause.clone())
}

fn of_try(one: &Try, seen: &Observation) -> Observed {
    Observed {
        outcome: one.result.outcome,
        source: one.result.source_ip,
        prober: one.result.local_addr.map(|address| address.ip()),
        source_is_node: one.result.source_ip.is_some_and(|ip| seen.node_ips.contains(&ip)),
    }
}

fn without_probe(cluster: &ClusterPlan, verdict: Verdict, reason: &str) -> Vec<CaseReport> {
    cluster.cases.iter().map(|case| blank(cluster, case, verdict, reason)).collect()
}

fn blank(cluster: &ClusterPlan, case: &Case, verdict: Verdict, detail: &str) -> CaseReport {
    let path = case.spec.path;
    CaseReport {
        id: case.id.clone(),
        scenario: cluster.scenario.id.clone(),
        distro: cluster.distro.id.clone(),
        remedy: cluster.remedy.as_ref().map(|remedy| remedy.id.clone()),
        from: path.from,
        to: path.to,
        protocol: path.protocol,
        payload: path.payload,
        family: path.family,
        expected: case.spec.expect.to_string(),
        outcome: Outcome::Error,
        verdict,
        detail: detail.to_owned(),
        tries: Vec::new(),
        duration_us: 0,
        source_ip: None,
        backend: None,
        backends: BTreeMap::new(),
        cause: None,
        upstream: None,
    }
}

/// The remedies of the plan, judged against the as-installed cluster of the same scenario and distro.
#[must_use]
pub fn remedies(plan: &Plan, endings: &[Ending]) -> Vec<RemedyReport> {
    let clusters = || plan.clusters.iter().zip(endings);
    let mut reports = Vec::new();
    for (cluster, ending) in clusters() {
        let Some(remedy) = &cluster.remedy else { continue };
        let same =
            |other: &ClusterPlan| other.scenario.id == cluster.scenario.id && other.distro.id == cluster.distro.id;
        let before = clusters().find(|(other, _)| other.remedy.is_none() && same(other));
        let mut report = RemedyReport {
            scenario: cluster.scenario.id.clone(),
            distro: cluster.distro.id.clone(),
            id: remedy.id.clone(),
            recommended: remedy.recommended,
            verdict: RemedyVerdict::NoEffect,
            fixed: 0,
            still_failing: 0,
            survives_reload: false,
            survives_reboot: None,
            opens: Vec::new(),
            closes: Vec::new(),
            title: remedy.title.clone(),
            run: remedy.run.clone(),
            detail: String::new(),
            expected_verdict: None,
        };
        match (before, ending) {
            (Some((before_plan, Ending::Seen(before))), Ending::Seen(with)) => {
                compare(&mut report, (before_plan, before), (cluster, with));
            }
            (_, Ending::Broken(reason)) => report.detail.clone_from(reason),
            (_, Ending::Interrupted) => INTERRUPTED.clone_into(&mut report.detail),
            (_, Ending::NotCarried(reason)) => {
                report.verdict = RemedyVerdict::NotApplicable;
                report.detail.clone_from(reason);
            }
            (_, Ending::Seen(_)) => {
                "not compared: there is no as-installed run beside it".clone_into(&mut report.detail);
            }
        }
        reports.push(report);
    }
    reports.extend(plan.not_applicable.iter().map(|not| RemedyReport {
        scenario: not.scenario.clone(),
        distro: not.distro.clone(),
        id: not.remedy.id.clone(),
        recommended: not.remedy.recommended,
        verdict: RemedyVerdict::NotApplicable,
        fixed: 0,
        still_failing: 0,
        survives_reload: true,
        survives_reboot: None,
        opens: Vec::new(),
        closes: Vec::new(),
        title: not.remedy.title.clone(),
        run: not.remedy.run.clone(),
        detail: "not for this distro".to_owned(),
        expected_verdict: None,
    }));
    reports
}

/// When paths are tried again with a remedy.
const AGAIN: [(&[Moment], &str); 2] =
    [(&[Moment::AfterReload], "a firewall reload"), (&[Moment::AfterReboot], "a restart")];

type Seen<'a> = (&'a ClusterPlan, &'a Observation);

fn compare(report: &mut RemedyReport, before: Seen<'_>, with: Seen<'_>) {
    let mut paths = Vec::new();
    let mut notes = Vec::new();
    let mut unseen = false;
    let mut untried = [false; AGAIN.len()];
    for (case, tries) in with.0.cases.iter().zip(&with.1.cases) {
        let same = before.0.cases.iter().zip(&before.1.cases).find(|(other, _)| other.spec.path == case.spec.path);
        let Some((_, tries_before)) = same.filter(|_| tries.skipped.is_none()) else { continue };
        let met = |tries: &CaseObservation, seen, moments| {
            // What the lab itself could not do says nothing of a remedy.
            let last = tries.at(moments).next_back().filter(|one| one.result.outcome != Outcome::Error);
            last.map(|one| meets(case.spec.expect, &of_try(one, seen)))
        };
        let deciding = &[Moment::Probe, Moment::Retry];
        let (Some(met_before), Some(now)) = (met(tries_before, before.1, deciding), met(tries, with.1, deciding))
        else {
            unseen = true;
            continue;
        };
        let path = PathWithRemedy {
            before: met_before,
            with: now,
            // Without a firewall to reload nothing can have changed.
            after_reload: met(tries, with.1, &[Moment::AfterReload]).unwrap_or(now),
        };
        for ((moment, when), untried) in AGAIN.into_iter().zip(&mut untried) {
            if tries.at(moment).next_back().is_some_and(|one| one.result.outcome == Outcome::Error) {
                notes.push(format!("{} could not be tried after {when}", case.spec.path));
                *untried = true;
            }
        }
        if let Some(after) = met(tries, with.1, &[Moment::AfterReboot]) {
            report.survives_reboot = Some(report.survives_reboot.unwrap_or(true) && (after || !now));
            if now && !after {
                let outcome =
                    tries.at(&[Moment::AfterReboot]).next_back().map_or(Outcome::Error, |one| one.result.outcome);
                notes.push(format!("{} ends as {outcome} after a restart", case.spec.path));
            }
        }
        note(&mut notes, case, tries, path);
        paths.push(path);
    }
    if unseen && paths.is_empty() {
        "nothing was seen of its paths, as installed or with it".clone_into(&mut report.detail);
        return;
    }
    let judged = judge_remedy(&paths);
    report.verdict = judged.verdict;
    // Where nothing fails as installed there is nothing to compare; its known issues say whether that is right.
    if judged.verdict != RemedyVerdict::NotApplicable && paths.len() == with.0.scenario.paths.len() {
        report.expected_verdict = with.0.remedy.as_ref().and_then(|remedy| remedy.verdict);
    }
    report.fixed = judged.fixed;
    report.still_failing = judged.still_failing;
    // What was not tried again is not known to stay.
    report.survives_reload = judged.survives_reload && !untried[0];
    report.survives_reboot = report.survives_reboot.map(|survives| survives && !untried[1]);
    report.opens = difference(&with.1.open_ports, &before.1.open_ports);
    report.closes = difference(&before.1.open_ports, &with.1.open_ports);
    report.detail = notes.join("; ");
}

fn note(notes: &mut Vec<String>, case: &Case, tries: &CaseObservation, path: PathWithRemedy) {
    let outcome = |moments| tries.at(moments).next_back().map_or(Outcome::Error, |one| one.result.outcome);
    let name = case.spec.path;
    if path.before && !path.with {
        notes.push(format!("breaks {name}: {}", outcome(&[Moment::Probe, Moment::Retry])));
    } else if path.with && !path.after_reload {
        notes.push(format!("{name} ends as {} after a firewall reload", outcome(&[Moment::AfterReload])));
    }
}

fn difference(of: &BTreeSet<u16>, without: &BTreeSet<u16>) -> Vec<u16> {
    of.difference(without).copied().collect()
}

/// One entry per distro, in the order of the plan.
#[must_use]
pub fn distros(plan: &Plan, endings: &[Ending], cases: &[CaseReport]) -> Vec<DistroReport> {
    let mut reports: Vec<DistroReport> = Vec::new();
    for cluster in &plan.clusters {
        if reports.iter().all(|report| report.id != cluster.distro.id) {
            reports.push(distro(cluster, plan, endings, cases));
        }
    }
    reports
}

fn distro(cluster: &ClusterPlan, plan: &Plan, endings: &[Ending], cases: &[CaseReport]) -> DistroReport {
    let id = &cluster.distro.id;
    let own: Vec<&CaseReport> = cases.iter().filter(|case| case.distro == *id).collect();
    let clusters: Vec<_> = plan.clusters.iter().zip(endings).filter(|(other, _)| other.distro.id == *id).collect();
    let mut others: Vec<&Distro> = Vec::new();
    for distro in clusters.iter().flat_map(|(cluster, _)| &cluster.machines) {
        if distro.id != *id && others.iter().all(|known| known.id != distro.id) {
            others.push(distro);
        }
    }
    let seen: Vec<&Observation> = clusters.iter().filter_map(|(_, ending)| ending.seen()).collect();
    let other = |distro: &Distro| OtherMachine { distro: distro.id.clone(), machine: machines::of(distro, &seen) };
    DistroReport {
        id: id.clone(),
        verdict: worst(&own),
        counts: Counts::of(own.iter().copied()),
        machine: machines::of_cluster(&cluster.distro, &seen),
        other_machines: others.into_iter().map(other).collect(),
    }
}

fn worst(cases: &[&CaseReport]) -> Verdict {
    let has = |any_of: &[Verdict]| cases.iter().any(|case| any_of.contains(&case.verdict));
    if has(&[Verdict::Error]) {
        Verdict::Error
    } else if has(&[Verdict::Fail, Verdict::Fixed, Verdict::Flaky]) {
        Verdict::Fail
    } else if has(&[Verdict::Known]) {
        Verdict::Known
    } else if has(&[Verdict::Pass]) {
        Verdict::Pass
    } else {
        Verdict::Skipped
    }
}

/// Failing cases grouped by cause, distro by distro; the states of a distro stand in the order of the plan.
#[must_use]
pub fn causes(distros: &[DistroReport], plan: &Plan, endings: &[Ending]) -> Vec<CauseGroup> {
    let mut groups = Vec::new();
    for distro in distros {
        let own = plan.clusters.iter().zip(endings).filter(|(cluster, _)| cluster.distro.id == distro.id);
        let explained: Vec<Explanation> = own.flat_map(|(_, ending)| ending.explanations()).cloned().collect();
        groups.extend(group(&explained).into_iter().map(|shared| CauseGroup {
            distro: distro.id.clone(),
            way: Some(shared.way),
            cause: shared.cause,
            cases: shared.cases,
        }));
    }
    groups
}

/// What differs between the distros of each scenario, as installed.
#[must_use]
pub fn differences(plan: &Plan, endings: &[Ending]) -> Vec<Difference> {
    let mut all = Vec::new();
    for scenario in scenarios(plan) {
        let (mut evidence, mut causes) = (Vec::new(), Vec::new());
        for (cluster, ending) in plan.clusters.iter().zip(endings) {
            if let Ending::Seen(seen) = ending
                && cluster.scenario.id == scenario.id
                && cluster.remedy.is_none()
            {
                evidence.extend(seen.evidence.iter().cloned());
                causes.extend(seen.explanations.iter().map(|explained| &explained.cause));
            }
        }
        all.extend(difference::differences(&evidence, &causes, Some(&scenario.id)));
    }
    all
}

/// What was collected, under names that are unique in the run.
#[must_use]
pub fn evidence(plan: &Plan, endings: Vec<Ending>) -> Vec<(String, Evidence)> {
    let mut all = Vec::new();
    for (cluster, ending) in plan.clusters.iter().zip(endings) {
        if let Ending::Seen(seen) = ending {
            let name = |one: &Evidence| format!("{}.{}.{}", cluster.scenario.id, cluster.distro.id, one.machine);
            all.extend(seen.evidence.into_iter().map(|one| (name(&one), one)));
        }
    }
    all
}

/// The manifests of every scenario, each once.
#[must_use]
pub fn manifests(plan: &Plan) -> Vec<ManifestReport> {
    let mut reports: Vec<ManifestReport> = Vec::new();
    for cluster in &plan.clusters {
        for manifest in &cluster.scenario.manifests {
            let path = camino::Utf8Path::new(&cluster.scenario.id).join(&manifest.path);
            if reports.iter().all(|report| report.path != path) {
                reports.push(ManifestReport { path, sha256: manifest.sha256.clone() });
            }
        }
    }
    reports
}

/// The scenarios, in the order of the plan.
#[must_use]
pub fn scenarios(plan: &Plan) -> Vec<ScenarioReport> {
    let mut reports: Vec<ScenarioReport> = Vec::new();
    for cluster in &plan.clusters {
        let scenario = &cluster.scenario;
        if reports.iter().all(|report| report.id != scenario.id) {
            let (id, title) = (scenario.id.clone(), scenario.title.clone());
            let conditions = scenario.conditions.iter().map(condition).collect();
            reports.push(ScenarioReport { id, title, upstream: scenario.upstream.clone(), conditions });
        }
    }
    reports
}

fn condition(condition: &Condition) -> ConditionReport {
    let Condition { name, on, applies_to, run, .. } = condition.clone();
    ConditionReport { name, on, applies_to: applies_to.map(|hosts| hosts.word()), run }
}

/// How long each cluster that was observed lived.
#[must_use]
pub fn clusters(plan: &Plan, endings: &[Ending]) -> Vec<ClusterReport> {
    let seen = plan.clusters.iter().zip(endings).filter_map(|(cluster, ending)| match ending {
        Ending::Seen(seen) => Some((cluster, seen.lifetime)),
        _ => None,
    });
    seen.map(|(cluster, lived)| ClusterReport {
        id: cluster.id(),
        duration_ms: u64::try_from(lived.as_millis()).unwrap_or(u64::MAX),
    })
    .collect()
}
