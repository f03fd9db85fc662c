use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::{History, HistoryError, RunRecord, analyse};
use crate::model::{
    Fact,
    fake::report,
    report::{ConditionReport, Report, ScenarioReport},
};

fn place() -> (TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = Utf8Path::from_path(dir.path()).expect("UTF-8").join("state/pathlab/history.sqlite");
    (dir, path)
}

/// The report of a night of November, with these cases.
fn night(day: usize, cases: &[&str]) -> Report {
    let mut report = report(cases);
    report.run.id = format!("night-{day}");
    report.run.started_at = format!("2026-11-{day:02}T02:00:00Z").parse().expect("a time");
    report.scenarios =
        vec![ScenarioReport { id: "s".to_owned(), title: String::new(), upstream: Vec::new(), conditions: Vec::new() }];
    report
}

fn condition() -> ConditionReport {
    ConditionReport {
        name: "no traffic between pods".to_owned(),
        on: vec!["d".to_owned()],
        applies_to: None,
        run: vec!["iptables -I FORWARD -j DROP".to_owned()],
    }
}

/// 14 nights: on the ninth a condition is switched on, on the fifth one other case flakes.
fn nights() -> Vec<Report> {
    let one = |day| {
        let mine = if day >= 9 { "pod-to-pod-ip fail timeout drop" } else { "pod-to-pod-ip pass ok" };
        let chance = if day == 5 { "pod-to-service fail timeout" } else { "pod-to-service pass ok" };
        let mut report = night(day, &[mine, chance, "node-to-service pass ok"]);
        if day >= 9 {
            report.scenarios[0].conditions.push(condition());
        }
        report
    };
    (1..=14).map(one).collect()
}

#[test]
fn a_turn_has_its_nights_its_cause_and_what_changed() {
    let (_guard, path) = place();
    let mut history = History::open(&path).expect("a new history");
    for report in nights() {
        history.append(&report).expect("appended");
    }
    let runs = history.last(None, "", 14).expect("readable");
    assert_eq!(runs, nights().iter().map(RunRecord::from).collect::<Vec<_>>(), "what goes in comes out");
    let past = analyse(&runs, false);
    assert_eq!((past.nights.len(), past.cases.len(), past.steady), (14, 2, 1));
    let turned = &past.cases[0];
    let turn = turned.turn.as_ref().expect("a turn");
    assert!(turned.id.ends_with("pod-to-pod-ip"));
    assert_eq!((turn.last.run.as_str(), turn.first.run.as_str()), ("night-8", "night-9"));
    assert_eq!((turn.good_before, turn.good_after), (true, false));
    assert_eq!(turn.after, "fail timeout, firewall-reject by user in inet t c: drop");
    let change = Fact {
        what: "condition `no traffic between pods`".to_owned(),
        before: None,
        after: Some("iptables -I FORWARD -j DROP on d".to_owned()),
    };
    assert_eq!(turn.changed, [change]);
    let flaked = &past.cases[1];
    assert_eq!((flaked.flakes, flaked.judged, flaked.turn.is_none()), (1, 14, true), "{flaked:?}");
}

#[test]
fn what_may_bear_on_a_case_is_told_of_its_own_remedy_and_cluster_only() {
    let (mut before, mut after) = (night(1, &["pod-to-service pass ok"]), night(2, &["pod-to-service pass ok"]));
    for (report, line, version) in [(&mut before, "ufw disable", "1.20.2"), (&mut after, "ufw reset", "1.21.0")] {
        report.remedies[0].run = vec![line.to_owned()];
        report.run.host.kubernetes = Some(version.to_owned());
        report.run.host.containerd = Some("1.6".to_owned());
    }
    let (before, after) = (RunRecord::from(&before), RunRecord::from(&after));
    let told =
        |case: &str| super::facts::changed(&before, &after, case).into_iter().map(|fact| fact.what).collect::<Vec<_>>();
    assert_eq!(told("s::d::as-installed::pod-to-service"), ["host Kubernetes"]);
    assert_eq!(told("s::d::fix::pod-to-service"), ["host Kubernetes", "remedy"]);
    assert_eq!(told("s::d::other::pod-to-service"), ["host Kubernetes"]);
}

#[test]
fn a_part_of_the_nights_and_cases_can_be_asked_for() {
    let (_guard, path) = place();
    let mut history = History::open(&path).expect("a new history");
    for report in nights() {
        history.append(&report).expect("appended");
    }
    let runs = history.last(None, "pod-to-pod", 3).expect("readable");
    assert_eq!(runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["night-12", "night-13", "night-14"]);
    assert!(runs.iter().all(|run| run.cases.len() == 1));
    assert_eq!(history.last(None, "mars", 3).expect("readable"), []);
}

#[test]
fn a_run_is_held_once() {
    let (_guard, path) = place();
    for _ in 0..2 {
        History::open(&path).expect("a history").append(&nights()[0]).expect("appended");
    }
    let history = History::read(&path).expect("readable").expect("there");
    assert_eq!(history.last(None, "", 9).expect("readable").len(), 1);
}

#[test]
fn labs_are_not_mixed() {
    let (_guard, path) = place();
    let mut history = History::open(&path).expect("a new history");
    let mut other = night(20, &["pod-to-service fail timeout"]);
    other.run.provider = "libvirt".to_owned();
    for report in [&nights()[0], &nights()[1], &other] {
        history.append(report).expect("appended");
    }
    assert_eq!(history.last(None, "", 9).expect("readable").len(), 1);
    let lab = super::Lab { provider: "netns".to_owned(), cluster: "dataplane".to_owned() };
    assert_eq!(history.last(Some(&lab), "", 9).expect("readable").len(), 2);
}

#[test]
fn a_broken_file_is_moved_aside_whole() {
    for bytes in [b"this is no database, and longer than its head would be".to_vec(), broken_database()] {
        let (_guard, path) = place();
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs_err::write(&path, &bytes).expect("written");
        // What is broken deep inside shows only when it is used.
        History::open(&path).and_then(|mut history| history.append(&nights()[0])).expect("a new one is begun");
        assert_eq!(fs_err::read(format!("{path}.broken-1")).expect("kept"), bytes);
        let history = History::read(&path).expect("readable").expect("there");
        assert_eq!(history.last(None, "", 9).expect("readable").len(), 1, "the run is held");
    }
}

#[test]
fn a_file_that_shows_its_faults_in_reading_is_moved_aside_if_it_was_a_history() {
    for (bytes, is_moved) in
        [(b"this is no database, and longer than its head is".to_vec(), false), (broken_database(), true)]
    {
        let (_guard, path) = place();
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs_err::write(&path, &bytes).expect("written");
        let read = History::read(&path).and_then(|history| history.expect("there").last(None, "", 9));
        let aside = History::set_aside(&path, &read.expect_err("broken"));
        assert_eq!(aside, is_moved.then(|| format!("{path}.broken-1").into()));
        assert_eq!(path.exists(), !is_moved);
    }
}

/// A database whose every page but the first is nonsense.
fn broken_database() -> Vec<u8> {
    let (_guard, path) = place();
    History::open(&path).expect("a new history").append(&nights()[0]).expect("appended");
    let mut bytes = fs_err::read(&path).expect("readable");
    bytes[4096..].fill(0x5a);
    bytes
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let (_guard, path) = place();
    drop(History::open(&path).expect("a new history"));
    let connection = rusqlite::Connection::open(&path).expect("opened");
    connection.execute_batch("PRAGMA user_version = 99").expect("set");
    drop(connection);
    assert!(matches!(History::open(&path), Err(HistoryError::Newer { found: 99, .. })));
    assert!(matches!(History::read(&path), Err(HistoryError::Newer { found: 99, .. })));
}

#[test]
fn a_held_file_is_an_error_after_a_while() {
    let (_guard, path) = place();
    let mut history = History::open(&path).expect("a new history");
    let holder = rusqlite::Connection::open(&path).expect("opened");
    holder.execute_batch("BEGIN EXCLUSIVE").expect("held");
    let error = history.append(&nights()[0]).expect_err("held");
    assert!(matches!(&error, HistoryError::Sqlite { .. }), "{error}");
}
