//! The plan as text and as JSON, for `lab plan`.

use std::{collections::BTreeSet, fmt::Write};

use serde::Serialize;

use super::{Case, ClusterPlan, Plan};
use crate::{
    catalog::scenario::{Expect, ExpectedSource, KnownIssue, Remedy},
    model::{IpFamily, Payload, Protocol, Target, Vantage},
};

/// A case as `lab plan --format json` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedCase<'a> {
    /// The case's name.
    pub id: &'a str,
    /// Scenario id.
    pub scenario: &'a str,
    /// Distro id.
    pub distro: &'a str,
    /// Remedy id; null as installed.
    pub remedy: Option<&'a str>,
    /// Where the connection starts.
    pub from: Vantage,
    /// What it aims at.
    pub to: Target,
    /// Over what.
    pub protocol: Protocol,
    /// With how much.
    pub payload: Payload,
    /// Over which version of IP.
    pub family: IpFamily,
    /// An outcome, or `blocked`.
    pub expected: String,
    /// Which source address the backend must see, where that matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ExpectedSource>,
}

/// The cases in order.
#[must_use]
pub fn cases(plan: &Plan) -> Vec<PlannedCase<'_>> {
    plan.clusters.iter().flat_map(|cluster| cluster.cases.iter().map(|case| planned(cluster, case))).collect()
}

/// An array of [`PlannedCase`], with a newline at its end.
pub fn json(plan: &Plan) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&cases(plan)).map(|text| text + "\n")
}

/// Clusters with their cases, then what is not tried, then the counts.
#[must_use]
pub fn text(plan: &Plan) -> String {
    let width = plan.cases().map(|case| case.spec.path.to_string().len()).max().unwrap_or(0);
    let mut text = String::new();
    for cluster in &plan.clusters {
        text.push_str(&heading(cluster));
        for case in &cluster.cases {
            let path = case.spec.path.to_string();
            let _ = writeln!(text, "  {path:width$}  {}", expectation(cluster, case));
        }
        text.push('\n');
    }
    if !plan.not_applicable.is_empty() {
        text.push_str("not applicable\n");
        for skipped in &plan.not_applicable {
            let id = format!("{}::{}::{}", skipped.scenario, skipped.distro, skipped.remedy.id);
            let _ = writeln!(text, "  {id}  is for {}", hosts(&skipped.remedy));
        }
        text.push('\n');
    }
    text.push_str(&counts(plan));
    text
}

fn planned<'a>(cluster: &'a ClusterPlan, case: &'a Case) -> PlannedCase<'a> {
    let path = case.spec.path;
    PlannedCase {
        id: &case.id,
        scenario: &cluster.scenario.id,
        distro: &cluster.distro.id,
        remedy: cluster.remedy.as_ref().map(|remedy| remedy.id.as_str()),
        from: path.from,
        to: path.to,
        protocol: path.protocol,
        payload: path.payload,
        family: path.family,
        expected: case.spec.expect.to_string(),
        source: source(case.spec.expect),
    }
}

fn source(expect: Expect) -> Option<ExpectedSource> {
    match expect {
        Expect::Ok(source @ (ExpectedSource::Preserved | ExpectedSource::Node)) => Some(source),
        _ => None,
    }
}

fn heading(cluster: &ClusterPlan) -> String {
    let machines: Vec<&str> = cluster.machines.iter().map(|machine| machine.id.as_str()).collect();
    let mixed = machines.iter().any(|machine| *machine != cluster.distro.id);
    let machines = match machines.len() {
        1 => "1 machine".to_owned(),
        _ if mixed => format!("machines {}", machines.join(", ")),
        count => format!("{count} machines"),
    };
    format!("{}  ({machines}, {})\n", cluster.id(), counted(cluster.cases.len(), "case"))
}

fn expectation(cluster: &ClusterPlan, case: &Case) -> String {
    let mut text = case.spec.expect.to_string();
    match source(case.spec.expect) {
        Some(ExpectedSource::Preserved) => text.push_str(" with the prober's own source address"),
        Some(ExpectedSource::Node) => text.push_str(" with a node's source address"),
        _ => {}
    }
    if let Some(issue) = known(cluster, case) {
        let _ = write!(text, ", known {} ({})", issue.outcome, issue.upstream);
    }
    text
}

/// The known issue of exactly this state: what one as installed means with a remedy is for the run to say.
fn known<'a>(cluster: &'a ClusterPlan, case: &Case) -> Option<&'a KnownIssue> {
    let remedy = cluster.remedy.as_ref().map(|remedy| remedy.id.as_str());
    cluster.scenario.known_issues.iter().find(|issue| {
        issue.distro == cluster.distro.id && issue.remedy.as_deref() == remedy && issue.paths.contains(&case.spec.path)
    })
}

fn hosts(remedy: &Remedy) -> String {
    match &remedy.applies_to {
        None => "every host".to_owned(),
        Some(hosts) => hosts.to_string(),
    }
}

fn counts(plan: &Plan) -> String {
    let scenarios: BTreeSet<&str> = plan.clusters.iter().map(|cluster| cluster.scenario.id.as_str()).collect();
    let distros: BTreeSet<&str> = plan.clusters.iter().map(|cluster| cluster.distro.id.as_str()).collect();
    format!(
        "{} in {}: {}, {}\n",
        counted(plan.cases().count(), "case"),
        counted(plan.clusters.len(), "cluster"),
        counted(scenarios.len(), "scenario"),
        counted(distros.len(), "distro"),
    )
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
