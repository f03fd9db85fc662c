//! A thousand cases at once: none is lost or doubled, and the harness stays small.

use libtest_mimic::Trial;

use self::{matrix::Matrix, run::Run};
use crate::trials;

#[path = "../../harness/benches/seed_run/matrix.rs"]
#[expect(dead_code, reason = "the benchmark uses all of it")]
mod matrix;
#[path = "../../harness/benches/seed_run/run.rs"]
#[expect(dead_code, reason = "the benchmark uses all of it")]
mod run;

/// The program under test.
const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// The most that the harness may hold, in bytes, however many cases there are.
const MEMORY: u64 = 200_000_000;

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![each_of_a_thousand_cases_ends_once_with_64_clusters_at_a_time]
}

fn each_of_a_thousand_cases_ends_once_with_64_clusters_at_a_time() {
    let matrix = Matrix::of(1_280, &["http"]);
    let arguments = [matrix.arguments(), vec!["--jobs".to_owned(), "64".to_owned()]].concat();
    let run = Run::of(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    run.assert_every_case_once(&matrix.ids());
    assert!((1..=MEMORY).contains(&run.memory), "{} bytes", run.memory);
}
