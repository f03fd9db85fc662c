//! Nights in a row, on real namespace hosts: baselines, history, shards, events.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, Output},
};

use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    support::{copy_of_scenario, root},
    trials,
};

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        the_history_names_the_night_the_cause_and_the_change,
        a_baseline_is_for_review_and_a_run_says_only_what_changed,
        four_shards_come_to_the_same_as_one_run,
        events_tell_every_phase_and_every_case_once,
        no_history_ever_fails_a_run
    ]
}

/// The tests that run anywhere.
pub fn anywhere() -> Vec<Trial> {
    trials![the_jobs_of_a_matrix_have_every_case_once, the_jobs_of_a_matrix_have_every_argument]
}

/// The path whose packets the tests interfere with.
const HIT: &str = "pod-ip-502::ubuntu-22.04::as-installed::pod-to-pod-ip";

/// A folder for runs, their history and a baseline.
struct Nights {
    dir: TempDir,
}

impl Nights {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// `lab ARGUMENTS`, with a state folder of its own.
    fn lab(&self, arguments: &[&str]) -> Output {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.current_dir(root()).args(arguments).env("XDG_STATE_HOME", self.dir.path().join("state"));
        lab.output().expect("lab starts")
    }

    /// `lab run ARGUMENTS` into the folder `name`: exit status, and what it printed.
    fn run(&self, name: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let report = self.path(name);
        let mut all = vec!["run", "--report", &report];
        all.extend(arguments);
        let output = self.lab(&all);
        let said = [output.stdout.clone(), b"\n-- stderr --\n".to_vec(), output.stderr.clone()].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    fn update_baseline(&self, from: &str) -> String {
        let output = self.lab(&["baseline", "update", &self.path("known.txt"), "--from", &self.path(from)]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn report(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.path(&format!("{name}/report.json"))).expect("a report");
        serde_json::from_str(&text).expect("JSON")
    }
}

/// The seed scenario with a condition on the ubuntu hosts.
fn with_condition(name: &str, line: &str) -> TempDir {
    changed("", name, line)
}

/// The same with a shorter patience: a try ends before TCP sends the first packet of a connection again, which is after a
/// second.
fn impatient(name: &str, line: &str) -> TempDir {
    changed("timeout: 800ms\n", name, line)
}

fn changed(timeout: &str, name: &str, line: &str) -> TempDir {
    copy_of_scenario("pod-ip-502", |text| {
        let condition = format!(
            "{timeout}conditions:\n  - {{ name: {name}, on: [ubuntu], when: after-deploy, run: ['{line}'] }}\n"
        );
        assert!(text.contains("conditions:\n") && !text.contains("\ntimeout:"), "{text}");
        text.replacen("conditions:\n", &condition, 1)
    })
}

fn folder(scenario: &TempDir) -> String {
    scenario.path().join("pod-ip-502").to_str().expect("UTF-8").to_owned()
}

const DROP: &str = "iptables -I FORWARD 1 -s 10.1.0.0/16 -d 10.1.0.0/16 -m conntrack ! --ctstate DNAT -j DROP";

/// 14 nights: a condition is switched on before the ninth, one night flakes.
fn the_history_names_the_night_the_cause_and_the_change() {
    let nights = Nights::new();
    let quiet = with_condition("nothing", "true");
    let firewalled = with_condition("no traffic between pods", DROP);
    // Of all packets the first one only: the second try's come through.
    let first = "-m statistic --mode nth --every 1000000 --packet 0 -j DROP";
    let flaky = impatient("nothing", &DROP.replace("-j DROP", first));
    let small = ["--remedy", "none", "--filter", "pod-to-pod-ip", "--filter", "pod-to-service", "--retries", "1"];
    for night in 1..=14 {
        let scenario = match night {
            5 => &flaky,
            9.. => &firewalled,
            _ => &quiet,
        };
        let (known, scenario) = (nights.path("known.txt"), folder(scenario));
        let mut arguments = vec!["ubuntu", "-s", &scenario];
        arguments.extend(small);
        if night > 1 {
            arguments.extend(["--baseline", &known]);
        }
        let (status, said) = nights.run(&format!("night-{night:02}"), &arguments);
        let changed = matches!(night, 5 | 9);
        assert_eq!(status, Some(i32::from(changed)), "night {night}: {said}");
        if night > 1 && !changed {
            assert!(said.contains("No change against "), "night {night}: {said}");
        }
        // Night 9 is looked at, and what it shows is known from then on.
        if matches!(night, 1 | 9) {
            let said = nights.update_baseline(&format!("night-{night:02}"));
            assert!(night == 1 || said.contains(&format!("new failure: {HIT}  pass ok → fail timeout")), "{said}");
        }
    }
    let case = |night: &str| {
        let report = nights.report(night);
        let cases = report["cases"].as_array().expect("cases").clone();
        cases.into_iter().find(|case| case["id"] == HIT).expect("the case")
    };
    let flaked = case("night-05");
    assert_eq!(flaked["verdict"], "flaky", "{flaked}");
    let outcomes: Vec<&Value> = flaked["tries"].as_array().expect("tries").iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["timeout", "ok"], "every try is shown");
    let output = nights.lab(&["history"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "14 runs, from ",
        &format!("FFFFFF| {HIT}"),
        "(night-08): pass ok. First bad ",
        "(night-09): fail timeout, firewall-drop",
        "-j DROP",
        "condition `no traffic between pods`, new: iptables -I FORWARD 1",
        "Flaky: 1 of 14 runs (7 %).",
        "the same in all of these runs",
    ] {
        assert!(words.contains(part) || part == "-j DROP" && words.contains("DROP"), "no `{part}` in:\n{said}");
    }
    let html = fs::read_to_string(nights.path("night-14/report.html")).expect("a page");
    assert!(html.contains("The last 14 runs") && html.contains("(night-09)"), "the page shows the strip");
    // One case asked for: steady ones are shown too.
    let output = nights.lab(&["history", "pod-to-service", "--last", "3", "--format", "json"]);
    let past: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((past["nights"].as_array().map(Vec::len), past["steady"].as_u64()), (Some(3), Some(1)), "{past}");
}

fn a_baseline_is_for_review_and_a_run_says_only_what_changed() {
    let nights = Nights::new();
    let known = nights.path("known.txt");
    let (status, said) = nights.run("first", &["rhel", "--remedy", "trusted-source"]);
    assert_eq!(status, Some(0), "{said}");
    nights.update_baseline("first");
    let file = fs::read_to_string(&known).expect("a baseline");
    let line = "pod-ip-502::rhel-9.5::as-installed::pod-to-pod-ip  known rejected  firewall-reject by firewalld zone public in \
                inet firewalld filter_FWD_public: reject with icmpx admin-prohibited\n";
    assert!(file.contains(line), "{file}");
    assert!(file.contains("pod-ip-502::rhel-9.5::trusted-source  remedy fixes\n"), "{file}");
    // Another distro's lines are not gone when it is not asked for; a changed cause of the same outcome is told.
    let other = file.replace("filter_FWD_public", "filter_FWD_work")
        + "pod-ip-502::ubuntu-22.04::as-installed::pod-to-pod-ip  pass ok\n";
    fs::write(&known, other).expect("written");
    let (status, said) = nights.run("second", &["rhel", "--remedy", "trusted-source", "--baseline", &known]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("SAME OUTCOME, ANOTHER CAUSE  pod-ip-502::rhel-9.5::as-installed::pod-to-pod-ip"), "{said}");
    assert!(!said.contains("GONE") && !said.contains("Verdict as installed"), "only what changed: {said}");
    let junit = fs::read_to_string(nights.path("second/junit.xml")).expect("JUnit");
    assert!(junit.contains("type=\"cause\""), "{junit}");
    let output = nights.lab(&["report", &nights.path("second"), "--format", "annotations"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("::error title=same outcome%2C another cause%3A pod-ip-502%3A%3Arhel-9.5"), "{said}");
    let output = nights.lab(&["report", &nights.path("second"), "--format", "markdown"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.starts_with("## ") && said.contains(" against the baseline\n") && said.contains("filter\\_FWD\\_work"),
        "{said}"
    );
}

fn four_shards_come_to_the_same_as_one_run() {
    let nights = Nights::new();
    let select = ["rhel", "ubuntu", "debian", "-s", "pod-ip-502", "-s", "dns-firewalld", "--remedy", "trusted-source"];
    let (status, said) = nights.run("whole", &select);
    assert!(matches!(status, Some(0 | 1)), "{said}");
    let mut merge = vec!["report".to_owned(), "merge".to_owned(), "-o".to_owned(), nights.path("merged")];
    for number in 1..=4 {
        let (name, shard) = (format!("shard-{number}"), format!("{number}/4"));
        let mut arguments = select.to_vec();
        arguments.extend(["--shard", &shard]);
        let (own, said) = nights.run(&name, &arguments);
        assert!(matches!(own, Some(0 | 1)), "{said}");
        merge.push(nights.path(&name));
    }
    let arguments: Vec<&str> = merge.iter().map(String::as_str).collect();
    let missing = nights.lab(&arguments[..arguments.len() - 1]);
    assert_eq!(missing.status.code(), Some(2), "a shard is missing");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("shard 4 of 4 is missing"));
    let output = nights.lab(&arguments);
    assert_eq!(output.status.code(), status, "{}", String::from_utf8_lossy(&output.stderr));
    let (whole, merged) = (nights.report("whole"), nights.report("merged"));
    let cases = |report: &Value| -> Vec<Value> {
        let cases = report["cases"].as_array().expect("cases").iter();
        cases.map(|case| serde_json::json!([case["id"], case["verdict"], case["outcome"], case["cause"]])).collect()
    };
    assert_eq!(cases(&merged), cases(&whole));
    for key in ["remedies", "manifests", "scenarios"] {
        assert_eq!(merged[key], whole[key], "{key}");
    }
    let named = |report: &Value, list: &str, keys: &[&str]| -> Vec<Vec<Value>> {
        let all = report[list].as_array().expect("a list").iter();
        all.map(|one| keys.iter().map(|key| one[*key].clone()).collect()).collect()
    };
    assert_eq!(
        named(&merged, "distros", &["id", "verdict", "counts"]),
        named(&whole, "distros", &["id", "verdict", "counts"])
    );
    assert_eq!(named(&merged, "causes", &["distro", "cases"]), named(&whole, "causes", &["distro", "cases"]));
    for file in merged["evidence"].as_array().expect("evidence") {
        assert!(Path::new(&nights.path("merged")).join(file["path"].as_str().expect("a path")).exists(), "{file}");
    }
}

/// What the jobs of a matrix run, all together, is what one run of it all would.
fn the_jobs_of_a_matrix_have_every_case_once() {
    let nights = Nights::new();
    let select = ["rhel", "ubuntu", "-s", "pod-ip-502", "-s", "ufw-pod-traffic", "--remedy", "trusted-source"];
    let plan = |arguments: &[&str]| -> Vec<String> {
        let output = nights.lab(&[&["plan", "--format", "json"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let cases: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a list");
        cases.iter().map(|case| case["id"].as_str().expect("an id").to_owned()).collect()
    };
    let mut all = plan(&select);
    all.sort();
    for (extra, jobs) in [(&["--shards", "3"][..], 12), (&["--whole", "--shards", "5"], 5), (&[], 4)] {
        let output = nights.lab(&[&["ci-matrix"][..], &select, extra].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.lines().count(), 1, "one line: {text}");
        let matrix: Value = serde_json::from_str(&text).expect("JSON");
        let include = matrix["include"].as_array().expect("jobs");
        assert_eq!(include.len(), jobs, "{text}");
        let mut found = Vec::new();
        for job in include {
            found.extend(plan(&job["args"].as_str().expect("arguments").split(' ').collect::<Vec<_>>()));
        }
        found.sort();
        assert_eq!(found, all, "{extra:?}");
    }
    let everything = ["rhel", "ubuntu", "debian", "rocky", "almalinux-9.5", "centos-stream-9", "-s", "all"];
    let output = nights.lab(&[&["ci-matrix", "--shards", "256"][..], &everything].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("more than the 256"), "told");
}

/// A job runs with the arguments that the matrix was asked for with; what the planning machine's environment says is not
/// for it.
fn the_jobs_of_a_matrix_have_every_argument() {
    let nights = Nights::new();
    let given = [
        "--machines-per-host",
        "2",
        "--libvirt-network",
        "lab",
        "--libvirt-storage",
        "/pool",
        "--cpus",
        "4",
        "--memory",
        "8",
        "--disk",
        "40",
        "--channel",
        "1.31/stable",
        "--revision",
        "7",
        "--epel",
        "epel.rpm",
        "--libvirt-uri",
        "qemu+ssh://one/system",
    ];
    let select = [
        "rhel",
        "ubuntu",
        "-s",
        "pod-ip-502",
        "--remedy",
        "none",
        "--provider",
        "libvirt",
        "--image",
        "rhel=own.qcow2",
    ];
    let jobs = |extra: &[&str]| -> Vec<String> {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.current_dir(root()).arg("ci-matrix").args(select).args(given).args(extra);
        let output = lab.env("PATHLAB_KUBE_BIN", "/of/this/machine").output().expect("lab starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let matrix: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        matrix["include"]
            .as_array()
            .expect("jobs")
            .iter()
            .map(|job| job["args"].as_str().expect("text").to_owned())
            .collect()
    };
    let (by_distro, whole) = (jobs(&[]), jobs(&["--whole"]));
    for job in by_distro.iter().chain(&whole) {
        let words: Vec<&str> = job.split(' ').collect();
        for pair in given.chunks(2).chain([&["--provider", "libvirt"][..]]) {
            assert!(words.windows(2).any(|two| two == pair), "no {pair:?} in {job}");
        }
        assert!(!job.contains("/of/this/machine"), "{job}");
        assert_eq!(job.contains("--image rhel=own.qcow2"), !job.starts_with("ubuntu"), "{job}");
    }
    let refused = nights.lab(&["ci-matrix", "--shard", "1/4"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("`--shard` names one part"), "told");
}

fn events_tell_every_phase_and_every_case_once() {
    let nights = Nights::new();
    let events = nights.path("events.jsonl");
    let (status, said) = nights.run("run", &["rhel", "--remedy", "trusted-source", "--events", &events]);
    assert_eq!(status, Some(0), "{said}");
    let schema: Value = serde_json::from_slice(&nights.lab(&["schema", "events"]).stdout).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    let text = fs::read_to_string(&events).expect("events");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for line in &lines {
        let errors: Vec<String> = validator.iter_errors(line).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{line}: {errors:?}");
    }
    let kind = |line: &Value| line["event"].as_str().expect("a kind").to_owned();
    assert_eq!((kind(&lines[0]).as_str(), kind(&lines[lines.len() - 1]).as_str()), ("run-start", "run-end"));
    assert_eq!(lines[0]["format"], "pathlab-events/1");
    let mut open: BTreeSet<(String, String)> = BTreeSet::new();
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for line in &lines {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        match kind(line).as_str() {
            "phase-start" => assert!(open.insert((text("cluster"), text("phase"))), "{line}"),
            "phase-end" => assert!(open.remove(&(text("cluster"), text("phase"))) && line["ok"] == true, "{line}"),
            "case-end" => *ends.entry(text("case")).or_default() += 1,
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let cases: BTreeMap<String, usize> = nights.report("run")["cases"]
        .as_array()
        .expect("cases")
        .iter()
        .map(|case| (case["id"].as_str().expect("an id").to_owned(), 1))
        .collect();
    assert_eq!(ends, cases, "each case ends once");
    let caused = lines.iter().find(|line| kind(line) == "cause").expect("a cause");
    assert_eq!((&caused["kind"], &caused["owner"]), (&"firewall-reject".into(), &"firewalld zone public".into()));
}

/// Broken, held, in a place that is none: a word on standard error, and the run ends as it would.
fn no_history_ever_fails_a_run() {
    let nights = Nights::new();
    let file = nights.path("history.sqlite");
    let quick = ["ubuntu", "--remedy", "none", "--filter", "node-to-service", "--history"];
    fs::write(&file, "this was a database once, and then the disk was full").expect("written");
    let run = |name: &str, history: &str| {
        let mut arguments = quick.to_vec();
        arguments.push(history);
        nights.run(name, &arguments)
    };
    let (status, said) = run("broken", &file);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("history.sqlite.broken-1"), "{said}");
    let moved = fs::read_to_string(format!("{file}.broken-1")).expect("kept");
    assert!(moved.starts_with("this was a database once"));
    let (status, said) = run("next", &file);
    assert_eq!(status, Some(0), "{said}");
    assert!(!said.contains("failed to"), "the new one works: {said}");
    let holder = rusqlite::Connection::open(&file).expect("opened");
    holder.execute_batch("BEGIN EXCLUSIVE").expect("held");
    let (status, said) = run("held", &file);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("the run goes on without"), "{said}");
    drop(holder);
    let (status, said) = run("nowhere", "/proc/none/history.sqlite");
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("the run goes on without"), "{said}");
}
