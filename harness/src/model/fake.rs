//! Small reports for tests.

use super::report::Report;

/// A report with these cases (`PATH VERDICT OUTCOME [RULE]`) of one scenario and distro.
pub(crate) fn report(cases: &[&str]) -> Report {
    let case = |line: &&str| {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        let (from, to) = words[0].split_once("-to-").expect("a path");
        let cause = words.get(3).map(|rule| {
            serde_json::json!({
                "kind": "firewall-reject", "table": "inet t", "chain": "c", "rule": rule, "owner": "user", "summary": "s",
            })
        });
        serde_json::json!({
            "id": format!("s::d::as-installed::{}", words[0]), "scenario": "s", "distro": "d", "remedy": null,
            "from": from, "to": to, "protocol": "http", "payload": "small", "expected": "ok", "outcome": words[2],
            "verdict": words[1], "detail": "", "tries": [], "duration_us": 1, "source_ip": null, "backend": null,
            "cause": cause,
        })
    };
    let report = serde_json::json!({
        "format": "pathlab-report/1",
        "run": {
            "id": "r", "started_at": "2026-11-01T00:00:00Z", "duration_ms": 1, "provider": "netns",
            "cluster": "dataplane", "host": { "kernel": "6.1" }, "command": [],
        },
        "distros": [], "cases": cases.iter().map(case).collect::<Vec<_>>(), "manifests": [],
        "remedies": [{
            "scenario": "s", "distro": "d", "id": "fix", "recommended": true, "verdict": "fixes", "fixed": 1,
            "still_failing": 0, "survives_reload": true, "opens": [16443], "closes": [],
        }],
    });
    serde_json::from_value(report).expect("a report")
}
