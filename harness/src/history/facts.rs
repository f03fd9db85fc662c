//! What may bear on results: versions, images, policies, conditions, manifests. And what of it is not the same.

use std::collections::BTreeMap;

use super::RunRecord;
use crate::model::{Fact, report::Report};

/// Facts by scope and name.
type Facts = BTreeMap<(String, String), String>;

/// The facts of a run. The scope is empty for the whole run, else a distro's or a scenario's id, or `SCENARIO::REMEDY`.
pub(super) fn of(report: &Report) -> Facts {
    let mut facts = Facts::new();
    let mut add = |scope: &str, what: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.insert((scope.to_owned(), what.to_owned()), value.to_owned());
        }
    };
    let host = &report.run.host;
    add("", "host kernel", Some(&host.kernel));
    add("", "pathlab", Some(&report.run.pathlab));
    for (what, version) in [
        ("host firewalld", &host.firewalld),
        ("host nft", &host.nft),
        ("host iptables", &host.iptables),
        ("host ufw", &host.ufw),
        ("host nginx", &host.nginx),
        ("host dnsmasq", &host.dnsmasq),
        ("host Kubernetes", &host.kubernetes),
        ("host containerd", &host.containerd),
    ] {
        add("", what, version.as_deref());
    }
    for (distro, machine) in report.machines() {
        add(distro, "kernel", Some(&machine.kernel));
        for (what, value) in [
            ("firewalld", &machine.firewalld),
            ("nft", &machine.nft),
            ("image", &machine.image),
            ("snap revision", &machine.snap),
            ("host policy", &machine.declared.policy),
        ] {
            add(distro, what, value.as_deref());
        }
    }
    for scenario in &report.scenarios {
        for condition in &scenario.conditions {
            let on = if condition.on.is_empty() { String::new() } else { format!(" on {}", condition.on.join(", ")) };
            let kind = condition.applies_to.as_ref().map(|hosts| format!(" for {hosts}")).unwrap_or_default();
            let lines = format!("{}{on}{kind}", condition.run.join("; "));
            add(&scenario.id, &format!("condition `{}`", condition.name), Some(&lines));
        }
    }
    for remedy in &report.remedies {
        add(&format!("{}::{}", remedy.scenario, remedy.id), "remedy", Some(&remedy.run.join("; ")));
    }
    for manifest in &report.manifests {
        let mut parts = manifest.path.components();
        if let Some(scenario) = parts.next() {
            add(scenario.as_str(), &format!("manifest {}", parts.as_path()), Some(&manifest.sha256));
        }
    }
    facts
}

/// What of that which bears on a case is not the same in two runs.
pub(super) fn changed(before: &RunRecord, after: &RunRecord, case: &str) -> Vec<Fact> {
    let mut parts = case.split("::");
    let mut next = || parts.next().unwrap_or_default();
    let (scenario, distro, state) = (next(), next(), next());
    let remedy = format!("{scenario}::{state}");
    let scopes = ["", scenario, distro, &remedy];
    let mut names: Vec<&(String, String)> = before.facts.keys().chain(after.facts.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let about = names.into_iter().filter(|(scope, _)| scopes.contains(&scope.as_str()));
    about
        .filter(|name| before.facts.get(*name) != after.facts.get(*name))
        .map(|name| Fact {
            what: name.1.clone(),
            before: before.facts.get(name).cloned(),
            after: after.facts.get(name).cloned(),
        })
        .collect()
}
