//! Known issues: which paths they are about, and whether they can be true.

use std::collections::HashSet;

use super::{
    at::At,
    name::check_report,
    problem::CatalogError,
    scenario::{KnownIssue, PathSpec, Remedy},
    scenario_file::KnownIssueFile,
    source::Source,
};
use crate::{
    model::{AccessPath, Outcome, UnknownOutcome},
    suggest,
};

/// What a known issue may speak of.
pub(super) struct Scope<'a> {
    pub source: &'a Source,
    /// Finds a distro of the scenario: its id by a name.
    pub distro: &'a dyn Fn(&At<String>) -> Result<String, CatalogError>,
    pub paths: &'a [PathSpec],
    pub remedies: &'a [Remedy],
}

/// Checks the known issues; no two say something of the same case.
pub(super) fn known_issues(scope: &Scope<'_>, files: &[At<KnownIssueFile>]) -> Result<Vec<KnownIssue>, CatalogError> {
    let mut seen = HashSet::new();
    let mut issues = Vec::new();
    for file in files {
        let issue = known_issue(scope, file)?;
        for path in &issue.paths {
            if !seen.insert((issue.distro.clone(), issue.remedy.clone(), *path)) {
                let message = format!("a known issue of {} about `{path}` stands before already", issue.distro);
                return Err(scope.source.error(file.span, message).label("the second one"));
            }
        }
        issues.push(issue);
    }
    Ok(issues)
}

fn known_issue(scope: &Scope<'_>, file: &At<KnownIssueFile>) -> Result<KnownIssue, CatalogError> {
    let source = scope.source;
    let distro = (scope.distro)(&file.distro)?;
    check_report(source, &file.upstream, file.upstream.span)?;
    let outcome: Outcome = file
        .outcome
        .parse()
        .map_err(|unknown: UnknownOutcome| source.error(file.outcome.span, unknown.to_string()).label("no outcome"))?;
    if outcome == Outcome::Error {
        let message = "`error` is the lab's own fault and no known issue";
        return Err(source.error(file.outcome.span, message).label("never the network's"));
    }
    if let Some(remedy) = &file.remedy
        && !scope.remedies.iter().any(|known| known.id == remedy.value)
    {
        let help = suggest::help(remedy, scope.remedies.iter().map(|remedy| remedy.id.as_str()));
        let message = format!("the scenario has no remedy `{}`", remedy.value);
        return Err(source.error(remedy.span, message).label("no such remedy").advice(help));
    }
    let mut paths = Vec::new();
    for pattern in &file.paths.value {
        for spec in matching(scope, pattern)? {
            if spec.expect.allows(outcome) {
                let message = format!("`{outcome}` is what the path `{}` expects, so it is no issue", spec.path);
                return Err(source.error(file.outcome.span, message).label("as expected"));
            }
            if !paths.contains(&spec.path) {
                paths.push(spec.path);
            }
        }
    }
    if paths.is_empty() {
        return Err(source.error(file.paths.span, "the known issue is about no path").label("empty"));
    }
    Ok(KnownIssue {
        distro,
        upstream: file.upstream.value.clone(),
        paths,
        outcome,
        remedy: file.remedy.as_ref().map(|remedy| remedy.value.clone()),
    })
}

/// The scenario's paths that a pattern names; at least one.
fn matching<'a>(scope: &Scope<'a>, pattern: &At<String>) -> Result<Vec<&'a PathSpec>, CatalogError> {
    let found: Vec<_> = scope.paths.iter().filter(|spec| matches(pattern, &spec.path.to_string())).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let source = scope.source;
    if pattern.contains('*') {
        let message = format!("no path of the scenario matches `{}`", pattern.value);
        return Err(source.error(pattern.span, message).label("matches nothing"));
    }
    let names: Vec<String> = scope.paths.iter().map(|spec| spec.path.to_string()).collect();
    let message = match pattern.parse::<AccessPath>() {
        Ok(path) => format!("the scenario has no path `{path}`"),
        Err(error) => error.to_string(),
    };
    let error = source.error(pattern.span, message).label("no path of this scenario");
    Err(match suggest::closest(pattern, names.iter().map(String::as_str)) {
        Some(closest) => error.advice(format!("did you mean `{closest}`?")),
        None => error.advice("name a path as case ids do: FROM-to-TARGET[:tcp|:udp][:large][:ipv6]"),
    })
}

/// Whether a name matches a pattern in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(start) => rest = &rest[start + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for pattern in ["pod-to-pod-ip", "*", "pod-*", "*-pod-ip", "pod*to*ip", "p*p*p*", "pod-to-pod-ip*"] {
            assert!(matches(pattern, "pod-to-pod-ip"), "{pattern}");
        }
        for pattern in ["", "pod", "*x", "pod-to-pod-ip-*", "pod-to-pod-ip*p", "*pod-ip:udp"] {
            assert!(!matches(pattern, "pod-to-pod-ip"), "{pattern}");
        }
    }
}
