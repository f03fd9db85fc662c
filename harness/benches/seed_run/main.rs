//! `just bench`: the seed run against its floor, and large matrices.
//!
//! The floor is measured in the same run, on the same machine: what the firewalld instances of the seed run need
//! at least, plus the longest wait for an answer that never comes. Arguments `seed` and `matrix` choose one half.
//! Times are told and hold nobody up; a case that is lost or doubled, and memory above its aim, end it with status 1.

mod floor;
mod matrix;
mod run;

use std::{process::ExitCode, time::Duration};

use matrix::Matrix;
use run::Run;

/// The program under test, built as it is released.
const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// The seed run.
const SEED: [&str; 2] = ["rhel", "ubuntu"];

/// How often the seed run and its floor are measured; the median counts.
const ROUNDS: usize = 5;

/// Clusters of the large matrices that live at the same time.
const JOBS: &str = "64";

fn main() -> ExitCode {
    // Cargo adds `--bench` to what was asked for.
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wants = |half: &str| asked.is_empty() || asked.iter().any(|it| it == half);
    let mut aims = Vec::new();
    if wants("seed") {
        aims.extend(seed());
    }
    if wants("matrix") {
        aims.extend(large());
    }
    println!();
    for aim in &aims {
        let word = if aim.met { "met" } else { "MISSED" };
        println!("{:<48} {:>10}   aim {:<8} {word}", aim.what, aim.value, aim.wanted);
    }
    // Times are the machine's as much as ours.
    ExitCode::from(u8::from(aims.iter().any(|aim| aim.must_hold && !aim.met)))
}

const MEGABYTES: &str = "MB";

/// Something to hold: what, how it came out, and what was wanted.
struct Aim {
    what: &'static str,
    value: String,
    wanted: String,
    met: bool,
    /// Whether it is a failure to miss it.
    must_hold: bool,
}

impl Aim {
    fn at_most(what: &'static str, value: f64, limit: f64, unit: &str) -> Self {
        let (shown, wanted) = (format!("{value:.2} {unit}"), format!("≤ {limit} {unit}"));
        Self { what, value: shown, wanted, met: value <= limit, must_hold: unit == MEGABYTES }
    }
}

fn seed() -> Vec<Aim> {
    let instances = floor::instances();
    println!(
        "seed run, {ROUNDS} rounds: floor ({instances} × firewalld started and reloaded in parallel) and run in turn"
    );
    let rounds: Vec<(Duration, Run)> = (0..ROUNDS)
        .map(|_| {
            let bare = floor::measure(instances);
            let run = Run::of(&SEED);
            println!("  floor {bare:>6.2?}  run {:>6.2?}  {} MB", run.wall, megabytes(run.memory));
            (bare, run)
        })
        .collect();
    let waited = rounds.iter().map(|(_, run)| run.longest_timeout()).max().unwrap_or_default();
    let floor = median(rounds.iter().map(|round| round.0)) + waited;
    let run = median(rounds.iter().map(|round| round.1.wall));
    println!("  floor {floor:.2?} (of which {waited:.2?} waiting for answers that never come), run {run:.2?}");
    let memory = rounds.iter().map(|round| round.1.memory).max().unwrap_or_default();
    vec![
        Aim::at_most("seed run / floor", run.as_secs_f64() / floor.as_secs_f64(), 1.5, "×"),
        Aim::at_most("seed run", run.as_secs_f64(), 10.0, "s"),
        Aim::at_most("memory of the harness in the seed run", megabytes(memory), 100.0, MEGABYTES),
    ]
}

fn large() -> Vec<Aim> {
    let [small, large] = [1_000, 10_000].map(|cases| {
        let matrix = Matrix::of(cases, &["http", "tcp", "udp"]);
        let arguments = [matrix.arguments(), vec!["--jobs".to_owned(), JOBS.to_owned()]].concat();
        let run = Run::of(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        run.assert_every_case_once(&matrix.ids());
        println!(
            "matrix of {} cases: {:.1?}, {:.0} probes per second, {} MB",
            matrix.cases,
            run.wall,
            count(run.probes()) / run.wall.as_secs_f64(),
            megabytes(run.memory),
        );
        // Sizes are not exactly ten to one: times are compared by the case.
        (run.wall.as_secs_f64() / count(matrix.cases), run.memory)
    });
    vec![
        Aim::at_most("10,000 cases / 1,000 cases, time", 10.0 * large.0 / small.0, 10.0, "×"),
        Aim::at_most("memory of the harness, 10,000 cases, 64 jobs", megabytes(large.1), 200.0, MEGABYTES),
    ]
}

fn median(values: impl Iterator<Item = Duration>) -> Duration {
    let mut sorted: Vec<Duration> = values.collect();
    sorted.sort();
    sorted[sorted.len() / 2]
}

fn megabytes(bytes: u64) -> f64 {
    count(usize::try_from(bytes / 100_000).unwrap_or(usize::MAX)) / 10.0
}

#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}
