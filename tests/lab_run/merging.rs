//! `lab report merge` on what jobs leave: parts that are missing, broken or hostile, and a disk that is full.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::trials;

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![a_full_disk_costs_the_evidence_and_not_the_report]
}

/// The tests that run anywhere.
pub fn anywhere() -> Vec<Trial> {
    trials![
        what_is_gone_from_the_library_is_gone_from_the_whole,
        a_missing_part_is_named_where_the_others_are_enough,
        a_missing_archive_costs_only_itself,
        a_part_that_names_files_of_others_is_refused
    ]
}

const OTHER: &str = "s::debian-12::as-installed::pod-to-pod-ip";
const DELETED: &str = "deleted::plan-9::as-installed::pod-to-service";

/// Both parts of a run of two cases, each with an archive.
struct Parts {
    dir: TempDir,
}

impl Parts {
    fn new(change: impl Fn(&mut Value)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (number, path) in [(1, "service"), (2, "pod-ip")] {
            let mut part = part(number, path);
            change(&mut part);
            let folder = dir.path().join(format!("part-{number}"));
            fs::create_dir_all(folder.join("evidence")).expect("a folder");
            fs::write(folder.join("report.json"), part.to_string()).expect("written");
            fs::write(folder.join("evidence/one.tar.gz"), vec![7; 1_500_000]).expect("written");
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `lab report merge -o whole FOLDERS`, with these arguments more.
    fn merge(&self, folders: &[&str], arguments: &[&str]) -> Output {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.args(["report", "merge", "--no-history", "--output"]).arg(self.path("whole")).args(arguments);
        lab.args(folders.iter().map(|folder| self.path(folder))).output().expect("lab starts")
    }

    fn whole(&self) -> Value {
        let text = fs::read_to_string(self.path("whole/report.json")).expect("a report");
        serde_json::from_str(&text).expect("JSON")
    }
}

fn part(number: usize, path: &str) -> Value {
    json!({
        "format": "pathlab-report/1",
        "run": {
            "id": format!("part-{number}"), "started_at": "2026-11-01T00:00:00Z", "duration_ms": 1, "provider": "netns",
            "cluster": "dataplane", "host": { "kernel": "6.1" }, "command": ["lab", "run"], "asked": {},
            "shard": { "number": number, "count": 2, "division": "d", "total": 2, "places": [number - 1] },
        },
        "distros": [{
            "id": "debian-12", "verdict": "pass", "machine": { "kernel": "6.1", "declared": {} },
            "counts": { "pass": 1, "fail": 0, "known": 0, "fixed": 0, "flaky": 0, "skipped": 0, "error": 0 },
        }],
        "cases": [{
            "id": format!("s::debian-12::as-installed::pod-to-{path}"), "scenario": "s", "distro": "debian-12",
            "remedy": null, "from": "pod", "to": path, "protocol": "http", "payload": "small", "expected": "ok",
            "outcome": "ok", "verdict": "pass", "detail": "", "tries": [], "duration_us": 1, "source_ip": null,
            "backend": null, "cause": null,
        }],
        "remedies": [], "manifests": [],
        "evidence": [{ "machine": "m", "path": "evidence/one.tar.gz", "bytes": 1_500_000 }],
    })
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn baseline(parts: &Parts) -> String {
    let file = parts.path("known.txt");
    let lines: Vec<String> =
        [DELETED, OTHER, "s::debian-12::as-installed::pod-to-service"].map(|id| format!("{id}  pass ok\n")).to_vec();
    fs::write(&file, format!("# pathlab-baseline/1\n{}", lines.concat())).expect("written");
    file.to_str().expect("UTF-8").to_owned()
}

fn what_is_gone_from_the_library_is_gone_from_the_whole() {
    for (asked, changed) in [(json!({}), true), (json!({ "scenarios": ["s"] }), false)] {
        let parts = Parts::new(|part| part["run"]["asked"] = asked.clone());
        let merged = parts.merge(&["part-1", "part-2"], &["--baseline", &baseline(&parts)]);
        assert_eq!(merged.status.code(), Some(i32::from(changed)), "{}", said(&merged));
        assert_eq!(said(&merged).contains(&format!("GONE  {DELETED}")), changed, "{}", said(&merged));
    }
}

fn a_missing_part_is_named_where_the_others_are_enough() {
    let parts = Parts::new(|_| {});
    let refused = parts.merge(&["part-1"], &[]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(
        said(&refused).contains("shard 2 of 2 is missing") && said(&refused).contains("--partial"),
        "{}",
        said(&refused)
    );
    let merged = parts.merge(&["part-1"], &["--partial", "--baseline", &baseline(&parts)]);
    assert_eq!(merged.status.code(), Some(3), "{}", said(&merged));
    assert!(said(&merged).contains("Incomplete: shard 2/2 is missing.  1 case "), "{}", said(&merged));
    assert!(!said(&merged).contains("GONE"), "what nobody looked for is not gone: {}", said(&merged));
    assert_eq!(parts.whole()["run"]["missing"], json!(["2/2"]));
}

fn a_missing_archive_costs_only_itself() {
    let parts = Parts::new(|_| {});
    fs::remove_file(parts.path("part-1/evidence/one.tar.gz")).expect("removed");
    let merged = parts.merge(&["part-1", "part-2"], &[]);
    assert_eq!(merged.status.code(), Some(0), "{}", said(&merged));
    assert_eq!(said(&merged).matches("part-1/evidence/one.tar.gz").count(), 1, "{}", said(&merged));
    let evidence = parts.whole()["evidence"].as_array().expect("a list").clone();
    assert_eq!(evidence.len(), 1, "{evidence:?}");
    assert!(parts.path("whole").join(evidence[0]["path"].as_str().expect("a path")).is_file());
}

fn a_part_that_names_files_of_others_is_refused() {
    for path in ["../../../etc/hostname", "/etc/hostname"] {
        let parts = Parts::new(|part| part["evidence"][0]["path"] = path.into());
        let refused = parts.merge(&["part-1", "part-2"], &[]);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains("which is not in its folder"), "{}", said(&refused));
        assert!(!parts.path("whole").exists());
    }
    let parts = Parts::new(|_| {});
    let archive = parts.path("part-1/evidence/one.tar.gz");
    fs::remove_file(&archive).expect("removed");
    std::os::unix::fs::symlink("/etc/hostname", &archive).expect("a link");
    let merged = parts.merge(&["part-1", "part-2"], &[]);
    assert_eq!(merged.status.code(), Some(0), "{}", said(&merged));
    assert_eq!(parts.whole()["evidence"].as_array().map(Vec::len), Some(1), "a link is no evidence");
}

/// Room for one of the archives and a page more: the result is printed and written, the evidence is not.
fn a_full_disk_costs_the_evidence_and_not_the_report() {
    let parts = Parts::new(|_| {});
    fs::create_dir(parts.path("disk")).expect("a folder");
    let script = r#"
        set -e
        mount -t tmpfs -o size="$2" tmpfs "$1/disk"
        status=0
        "$3" report merge --no-history -o "$1/disk/whole" "$1/part-1" "$1/part-2" >"$1/said" 2>&1 || status=$?
        find "$1/disk/whole" -type f -printf '%f\n' | sort >"$1/left"
        cp -r "$1/disk/whole" "$1/whole"
        exit $status
    "#;
    let merge = |size: &str| {
        let status = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
            .args([parts.dir.path(), Path::new(size), Path::new(env!("CARGO_BIN_EXE_lab"))])
            .status()
            .expect("unshare starts");
        let read = |name: &str| fs::read_to_string(parts.path(name)).expect(name);
        (status.code(), read("said"), read("left"))
    };
    let (status, said, left) = merge("1472k");
    assert_eq!((status, left.as_str()), (Some(0), "junit.xml\nreport.html\nreport.json\nsummary.txt\n"), "{said}");
    assert!(
        said.contains("is full: the evidence of the run is removed") && said.contains("As expected.  2 cases"),
        "{said}"
    );
    assert_eq!(parts.whole()["evidence"], json!([]));
    fs::remove_dir_all(parts.path("whole")).expect("removed");
    // Not even that: what is printed is all that there is, and says what to do.
    let (status, said, left) = merge("8k");
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("As expected.  2 cases") && said.contains("No space left on device"), "{said}");
    assert!(said.contains("help: ") && !left.contains("report.html"), "{said}\n{left}");
}
