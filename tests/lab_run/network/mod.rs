//! Network features through the real program: policies, traffic policies, the underlay, IPv6. The scenarios lie in
//! `tests/scenarios`; a test changes a copy where it needs another shape of one.

mod dual_stack;
mod policy;
mod traffic;
mod underlay;

use std::path::Path;

use libtest_mimic::Trial;
use tempfile::TempDir;

use crate::support::{Lab, root};

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    [policy::in_namespaces(), traffic::in_namespaces(), underlay::in_namespaces()].into_iter().flatten().collect()
}

/// Those that need a kernel with IPv6, too.
pub fn over_ipv6() -> Vec<Trial> {
    dual_stack::in_namespaces()
}

/// A scenario of the tests, copied, with parts of its files replaced.
struct Variant(TempDir, &'static str);

impl Variant {
    /// A copy in which `from` of a file, which must stand there, became `to`.
    fn of(id: &'static str, changes: &[(&str, &str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let to = dir.path().join(id);
        std::fs::create_dir(&to).expect("a folder");
        for entry in std::fs::read_dir(root().join("tests/scenarios").join(id)).expect("the scenario") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("UTF-8");
            let mut text = std::fs::read_to_string(entry.path()).expect("readable");
            for (_, from, new) in changes.iter().filter(|(file, ..)| *file == name) {
                assert!(text.contains(from), "`{from}` stands in {name}");
                text = text.replace(from, new);
            }
            std::fs::write(to.join(name), text).expect("a write");
        }
        Self(dir, id)
    }

    /// Runs it.
    fn run(&self, arguments: &[&str]) -> Lab {
        run(&self.0.path().join(self.1), arguments)
    }
}

/// Runs a scenario of the tests as it stands.
fn run_scenario(id: &str, arguments: &[&str]) -> Lab {
    run(&root().join("tests/scenarios").join(id), arguments)
}

fn run(folder: &Path, arguments: &[&str]) -> Lab {
    let mut all = vec!["-s", folder.to_str().expect("UTF-8")];
    all.extend(arguments);
    Lab::run(&all)
}

/// The whole case of this path on Ubuntu as installed.
fn case(lab: &Lab, scenario: &str, path: &str) -> serde_json::Value {
    let id = format!("{scenario}::ubuntu-22.04::as-installed::{path}");
    let report = lab.report();
    let cases = report["cases"].as_array().expect("cases");
    cases.iter().find(|case| case["id"] == *id).unwrap_or_else(|| panic!("no case {id}: {}", lab.said())).clone()
}
