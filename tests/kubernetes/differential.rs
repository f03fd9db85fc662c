//! Every case ends the same way on the embedded cluster and on real Kubernetes.

use std::{collections::BTreeMap, fmt::Write as _};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::{support::Lab, trials};

/// All remedies of the whole library are compared where this is `all`: an hour and more.
const VARIABLE: &str = "PATHLAB_DIFFERENTIAL";

pub fn trials() -> Vec<Trial> {
    trials![the_seed_with_all_remedies, the_library]
}

/// Real clusters at a time: each has a control plane of its own, which needs a processor while it starts.
const JOBS: &str = "2";

fn the_seed_with_all_remedies() {
    compare(&["rhel", "ubuntu"]);
}

fn the_library() {
    let all = std::env::var(VARIABLE).is_ok_and(|value| value == "all");
    let remedy = if all { "all" } else { "none" };
    compare(&["-s", "all", "--remedy", remedy]);
}

fn compare(arguments: &[&str]) {
    let embedded = Lab::run(arguments);
    let real = Lab::run(&[arguments, &["--cluster", "kubernetes", "--jobs", JOBS]].concat());
    let (embedded_cases, real_cases) = (cases(&embedded), cases(&real));
    let ids: Vec<&String> = embedded_cases.keys().collect();
    assert_eq!(ids, real_cases.keys().collect::<Vec<_>>(), "the same cases");
    let mut differences = String::new();
    let mut compared = 0;
    for (id, one) in &embedded_cases {
        let other = &real_cases[id];
        compared += usize::from(one["verdict"] != "skipped");
        if one["outcome"] != other["outcome"] {
            writeln!(differences, "{id}:\n  dataplane  {}\n  kubernetes {}", told(one), told(other)).expect("a String");
        }
    }
    assert!(compared > 0, "nothing was compared: {}", embedded.said());
    assert!(differences.is_empty(), "the clusters differ:\n{differences}\n{}\n{}", embedded.said(), real.said());
    assert_eq!(verdicts(&embedded), verdicts(&real), "{}", real.said());
    assert_eq!(embedded.status(), real.status(), "{}", real.said());
}

fn cases(lab: &Lab) -> BTreeMap<String, Value> {
    let report = lab.report();
    let cases = report["cases"].as_array().expect("cases").iter();
    cases.map(|case| (case["id"].as_str().expect("an id").to_owned(), case.clone())).collect()
}

/// Outcome, what was seen, and why, where that was looked for.
fn told(case: &Value) -> String {
    format!("{} {} tries {} cause {}", case["outcome"], case["detail"], case["tries"], case["cause"])
}

/// What became of each remedy. Which ports are open is told apart by the clusters' own daemons, see the README.
fn verdicts(lab: &Lab) -> Vec<(String, Value, Value)> {
    let report = lab.report();
    let remedies = report["remedies"].as_array().expect("remedies").iter();
    remedies
        .map(|remedy| {
            let id = format!("{}::{}::{}", remedy["scenario"], remedy["distro"], remedy["id"]);
            (id, remedy["verdict"].clone(), remedy["fixed"].clone())
        })
        .collect()
}
