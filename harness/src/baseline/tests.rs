use super::{Baseline, BaselineError, Entry, Scope, State, compare};
use crate::model::{Change, ChangeKind, RemedyVerdict, Verdict, fake::report};

const SEED: [&str; 4] = [
    "pod-to-service pass ok",
    "pod-to-pod-ip known rejected reject with icmpx",
    "node-to-service fail timeout drop",
    "node-to-pod-ip flaky ok",
];

fn changes(before: &[&str], now: &[&str]) -> Vec<(ChangeKind, String)> {
    let all = Scope { case: &|_| true, remedy: &|_| true, complete: true };
    let found = compare(&Baseline::of(&report(before)), &report(now), &all, "file").changes;
    found.iter().map(|change: &Change| (change.kind, change.words())).collect()
}

#[test]
fn the_file_is_sorted_and_reads_back() {
    let baseline = Baseline::of(&report(&SEED));
    insta::assert_snapshot!(baseline, @r"
    # pathlab-baseline/1
    # What a run is known to show, one case or remedy a line: ID, two spaces, verdict and outcome, two spaces, by what.
    # `lab baseline update` writes it, `lab run --baseline` says what is not so any more.
    s::d::as-installed::node-to-pod-ip  flaky
    s::d::as-installed::node-to-service  fail timeout  firewall-reject by user in inet t c: drop
    s::d::as-installed::pod-to-pod-ip  known rejected  firewall-reject by user in inet t c: reject with icmpx
    s::d::as-installed::pod-to-service  pass ok
    s::d::fix  remedy fixes  opens 16443
    ");
    assert_eq!(Baseline::parse(&baseline.to_string(), "f"), Ok(baseline));
}

#[test]
fn every_state_reads_back() {
    for &verdict in Verdict::ALL {
        for outcome in [None, Some("ok"), Some("http-502"), Some("rejected")] {
            let state = State::Case(verdict, outcome.map(|word| word.parse().expect("an outcome")));
            for by in ["", "a rule"] {
                let entry = Entry { state, by: by.to_owned() };
                assert_eq!(Entry::parse(&entry.to_string()), Some(entry));
            }
        }
    }
    for &verdict in RemedyVerdict::ALL {
        let entry = Entry { state: State::Remedy(verdict), by: "opens 1,2".to_owned() };
        assert_eq!(Entry::parse(&entry.to_string()), Some(entry));
    }
}

#[test]
fn what_is_no_baseline_is_refused_with_its_line() {
    let parse = |text: &str| Baseline::parse(text, "f").expect_err("refused").to_string();
    assert_eq!(parse(""), "f:1: no baseline: its first line is not `# pathlab-baseline/1`");
    assert_eq!(parse("# pathlab-baseline/2\n"), "f:1: no baseline: its first line is not `# pathlab-baseline/1`");
    let head = "# pathlab-baseline/1\n\n# a word\n";
    assert_eq!(parse(&format!("{head}<<<<<<< ours\n")), "f:4: `<<<<<<< ours` is no line of a baseline");
    assert_eq!(parse(&format!("{head}a::b  pass mars\n")), "f:4: `a::b  pass mars` is no line of a baseline");
    let twice = Baseline::parse(&format!("{head}a  pass ok\na  pass ok\n"), "f");
    assert_eq!(twice, Err(BaselineError::Twice { name: "f".to_owned(), line: 5, id: "a".to_owned() }));
}

#[test]
fn the_same_is_no_change_even_where_it_fails() {
    assert_eq!(changes(&SEED, &SEED), []);
    // A case that flakes by the baseline's own word may end either way.
    assert_eq!(changes(&["pod-to-service flaky ok"], &["pod-to-service fail timeout drop"]), []);
}

#[test]
fn each_change_has_its_kind() {
    let table: [(&str, &str, ChangeKind); 12] = [
        ("pass ok", "fail timeout", ChangeKind::NewFailure),
        ("known rejected r", "fail timeout r", ChangeKind::NewFailure),
        ("pass ok", "flaky ok", ChangeKind::NewFailure),
        ("fail timeout", "pass ok", ChangeKind::Fixed),
        ("known rejected r", "pass ok", ChangeKind::Fixed),
        ("known rejected r", "fixed ok", ChangeKind::Fixed),
        ("fail timeout r", "fail rejected r", ChangeKind::Outcome),
        ("known rejected r", "known timeout r", ChangeKind::Outcome),
        ("fail timeout r", "fail timeout other", ChangeKind::Cause),
        ("known rejected r", "known rejected other", ChangeKind::Cause),
        ("fail timeout r", "known timeout r", ChangeKind::Verdict),
        ("pass ok", "skipped error", ChangeKind::Outcome),
    ];
    for (before, now, kind) in table {
        let line = |state: &str| format!("pod-to-service {state}");
        let found = changes(&[&line(before)], &[&line(now)]);
        assert_eq!(found.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [kind], "{before} → {now}");
    }
}

#[test]
fn new_and_gone_are_told_the_worst_first() {
    let found = changes(
        &["pod-to-service pass ok", "node-to-service pass ok"],
        &["pod-to-service fail timeout drop", "pod-to-pod-ip pass ok"],
    );
    let words = |text: &str| text.to_owned();
    assert_eq!(
        found,
        [
            (ChangeKind::NewFailure, words("pass ok → fail timeout  firewall-reject by user in inet t c: drop")),
            (ChangeKind::New, words("pass ok")),
            (ChangeKind::Gone, words("was pass ok")),
        ]
    );
}

#[test]
fn what_was_not_asked_for_is_not_gone() {
    let baseline = Baseline::of(&report(&["pod-to-service pass ok", "node-to-service pass ok"]));
    let asked = |id: &str| id.contains("pod-");
    let scope = Scope { case: &asked, remedy: &|_| false, complete: true };
    let comparison = compare(&baseline, &report(&["pod-to-service pass ok"]), &scope, "file");
    assert_eq!((comparison.changes.len(), comparison.same), (0, 1));
}

#[test]
fn a_broken_lab_changes_nothing() {
    let mut broken = report(&["pod-to-service error error"]);
    broken.remedies[0].verdict = RemedyVerdict::NoEffect;
    let all = Scope { case: &|_| true, remedy: &|_| true, complete: true };
    let comparison = compare(&Baseline::of(&report(&["pod-to-service pass ok"])), &broken, &all, "file");
    assert_eq!((comparison.changes.len(), comparison.unjudged), (0, 1), "{comparison:?}");
    assert!(Baseline::of(&broken).entries.is_empty());
}

#[test]
fn a_remedy_that_opens_more_is_a_change() {
    let mut now = report(&["pod-to-service pass ok"]);
    now.remedies[0].opens.push(31_080);
    let all = Scope { case: &|_| true, remedy: &|_| true, complete: true };
    let found = compare(&Baseline::of(&report(&["pod-to-service pass ok"])), &now, &all, "file").changes;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].id.as_str()), (ChangeKind::Remedy, "s::d::fix"));
    assert_eq!(found[0].words(), "remedy fixes  opens 16443 → remedy fixes  opens 16443,31080");
}
