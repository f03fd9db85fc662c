//! Bad files and arguments, run through the real program: exit status 2, a message that says where and
//! what was expected, and nothing left behind.

mod arguments;
mod bench;
mod distros;
mod files;
mod manifests;
mod paths;
mod rendering;
mod scenarios;

use bench::Bench;

/// One bad input.
pub struct Bad {
    /// What is bad, for the person who reads a failure.
    pub name: &'static str,
    /// What is given.
    pub input: Input,
    /// `FILE:LINE:COLUMN` of the message, without the folder; empty when there is no file.
    pub place: &'static str,
    /// Words of the message.
    pub says: &'static [&'static str],
}

/// What is given to the program.
pub enum Input {
    /// The good scenario with one text replaced by another.
    Scenario(&'static str, &'static str),
    /// Another `scenario.yaml`.
    ScenarioFile(fn() -> Vec<u8>),
    /// The good scenario's folder, changed.
    Folder(fn(&camino::Utf8Path)),
    /// The good distro with one text replaced by another.
    Distro(&'static str, &'static str),
    /// Another distro file.
    DistroFile(fn() -> Vec<u8>),
    /// Arguments, behind `lab`.
    Arguments(&'static [&'static str]),
}

#[test]
fn each_is_refused_with_its_place_and_reason() {
    let all: Vec<&Bad> = [
        scenarios::TABLE,
        paths::PATHS,
        paths::KNOWN_ISSUES,
        files::TABLE,
        manifests::TABLE,
        distros::TABLE,
        arguments::TABLE,
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(all.len() >= 40, "only {} bad inputs", all.len());
    let faults: Vec<String> = all.iter().flat_map(|bad| Bench::new().faults(bad)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_good_files_are_good() {
    let bench = Bench::new();
    for command in ["plan", "list"] {
        let arguments: &[&str] =
            if command == "plan" { &["plan", "-s", bench.scenario()] } else { &["list", "scenarios"] };
        let output = bench.lab(arguments);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_broken_scenario_is_in_nobodys_way_but_of_those_who_want_all() {
    let bench = Bench::new();
    bench.write("home/scenarios/broken/scenario.yaml", b"id: broken\n");
    assert!(bench.lab(&["plan", "-s", "good"]).status.success());
    for arguments in [&["plan", "-s", "all"][..], &["list", "scenarios"], &["plan", "-s", "broken"]] {
        let output = bench.lab(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains("scenarios/broken/scenario.yaml:1:1: the key `title` is missing"), "{stderr}");
    }
    let listed = bench.lab(&["list", "scenarios"]).stdout;
    assert!(String::from_utf8_lossy(&listed).contains("good"), "what can be read is listed");
}

#[test]
fn a_folder_elsewhere_brings_its_own_distros() {
    let bench = Bench::new();
    let own = bench::DISTRO.replace("id: testos-1", "id: otheros-1").replace("[testos]", "[otheros]");
    bench.write("elsewhere/good/vm-images/otheros-1.yaml", own.as_bytes());
    bench.copy("home/scenarios/good", "elsewhere/good");
    let folder = bench.path("elsewhere/good");
    let output = bench.lab(&["plan", "otheros", "testos", "-s", folder.as_str()]);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("good::otheros-1::as-installed") && stdout.contains("good::testos-1::as-installed"));
}

#[test]
fn a_home_that_is_none_is_named() {
    let bench = Bench::new();
    let output = bench.command(&["plan"]).env("PATHLAB_HOME", bench.path("cwd")).output().expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("does not hold both `scenarios` and `vm-images`"), "{stderr}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let bench = Bench::new();
    for arguments in [
        &["plan", "-s", "good"][..],
        &["list", "distros"],
        &["schema", "report"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let (status, stderr) = bench.lab_into_closed_pipe(arguments);
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}
