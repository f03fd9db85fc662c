//! Every case ends the same way on the embedded cluster and on real Kubernetes.
//!
//! As installed, all scenarios are compared each time, and the seed with all remedies. Of the other scenarios' remedies
//! those of one are, another one every day; [`VARIABLE`] asks for those of a certain scenario, or of all.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::{
    support::{Lab, root},
    trials,
};

/// Whose remedies are compared: those of this scenario, or `all`: an hour and more, a test for each scenario.
const VARIABLE: &str = "PATHLAB_DIFFERENTIAL";

/// Compared by itself, with all remedies.
const SEED: &str = "pod-ip-502";

/// Of the tests' own scenarios, what Kubernetes 1.20 takes and chance does not decide.
const OF_TESTS: &str = "tests/scenarios/underlay-mtu";

/// Real clusters at a time: each has a control plane of its own, which needs a processor while it starts.
const JOBS: &str = "2";

/// Of so many differences the packets' ways are told: each takes two clusters more.
const TOLD: usize = 4;

const DAY: u64 = 24 * 60 * 60;

pub fn trials() -> Vec<Trial> {
    let mut trials = trials![the_seed_with_all_remedies, the_library, the_way_of_a_case_is_told];
    if std::env::var(VARIABLE).is_ok_and(|value| value == "all") {
        trials.extend(with_remedies().into_iter().map(|id| {
            Trial::test(format!("differential::the_remedies_of_{id}"), move || {
                compare(&["-s", &id]);
                Ok(())
            })
        }));
    } else {
        trials.extend(trials![the_remedies_of_a_scenario]);
    }
    trials
}

fn the_seed_with_all_remedies() {
    compare(&["rhel", "ubuntu"]);
}

fn the_library() {
    let all = scenarios().into_keys().filter(|id| id != SEED).chain([OF_TESTS.to_owned()]);
    let arguments: Vec<String> = all.flat_map(|id| ["-s".to_owned(), id]).collect();
    let arguments = arguments.iter().map(String::as_str).chain(["--remedy", "none"]);
    compare(&arguments.collect::<Vec<_>>());
}

fn the_remedies_of_a_scenario() {
    let named = std::env::var(VARIABLE).ok().filter(|id| !id.is_empty());
    let id = named.unwrap_or_else(|| {
        let days = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() / DAY;
        let mut all = with_remedies();
        let today = usize::try_from(days).expect("few days") % all.len();
        all.swap_remove(today)
    });
    eprintln!("{VARIABLE}={id}");
    compare(&["-s", &id]);
}

fn the_way_of_a_case_is_told() {
    let told = way("pod-ip-502::rhel-9.5::as-installed::pod-to-pod-ip", "kubernetes");
    for part in ["rejected, expected ok", "Cause: firewall-reject", "The packet's way:", "filter_FWD_public"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

/// The shipped scenarios with their text, in the order of their ids.
fn scenarios() -> BTreeMap<String, String> {
    let folders = fs::read_dir(root().join("scenarios")).expect("the library").flatten();
    let scenario = |folder: fs::DirEntry| {
        let text = fs::read_to_string(folder.path().join("scenario.yaml")).ok()?;
        Some((folder.file_name().into_string().ok()?, text))
    };
    folders.filter_map(scenario).collect()
}

/// Those that have remedies, and that namespace hosts can carry.
fn with_remedies() -> Vec<String> {
    let has = |text: &str, key: &str| text.lines().any(|line| line.starts_with(key));
    let fits = |(id, text): &(String, String)| id != SEED && has(text, "remedies:") && !has(text, "needs:");
    scenarios().into_iter().filter(fits).map(|(id, _)| id).collect()
}

fn compare(arguments: &[&str]) {
    let embedded = Lab::run(arguments);
    let real = Lab::run(&[arguments, &["--cluster", "kubernetes", "--jobs", JOBS]].concat());
    let (embedded_cases, real_cases) = (cases(&embedded), cases(&real));
    let ids: Vec<&String> = embedded_cases.keys().collect();
    assert_eq!(ids, real_cases.keys().collect::<Vec<_>>(), "the same cases");
    let (mut differences, mut differing) = (String::new(), Vec::new());
    let mut compared = 0;
    for (id, one) in &embedded_cases {
        let other = &real_cases[id];
        compared += usize::from(one["verdict"] != "skipped");
        if one["outcome"] != other["outcome"] {
            writeln!(differences, "{id}:\n  dataplane  {}\n  kubernetes {}", told(one), told(other)).expect("a String");
            differing.push(id.as_str());
        }
    }
    let said = format!("{}\n{}", embedded.said(), real.said());
    assert!(compared > 0, "nothing was compared: {said}");
    assert!(differing.is_empty(), "the clusters differ:\n{differences}\n{}\n{said}", ways(&differing));
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

/// The packets' ways of the first differing cases, on both kinds of clusters.
fn ways(cases: &[&str]) -> String {
    let both = |case: &&str| ["dataplane", "kubernetes"].map(|cluster| format!("{cluster}: {}", way(case, cluster)));
    cases.iter().take(TOLD).flat_map(both).collect::<Vec<_>>().join("\n")
}

/// What `lab explain` says.
fn way(case: &str, cluster: &str) -> String {
    let mut explain = Command::new(env!("CARGO_BIN_EXE_lab"));
    explain.current_dir(root()).args(["explain", case, "--cluster", cluster]);
    if OF_TESTS.rsplit('/').next() == case.split("::").next() {
        explain.args(["--scenario", OF_TESTS]);
    }
    let output = explain.output().expect("lab starts");
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
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
