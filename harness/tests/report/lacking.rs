//! A report that is not of everything says so first, in every form.

use pathlab::{
    model::{
        Comparison, Verdict,
        report::{INTERRUPTED, Report},
    },
    report::{
        annotations, html, junit, markdown,
        terminal::{TerminalStyle, render, render_changes},
    },
};

use crate::sample;

/// The seed's report, interrupted before its last 60 cases.
fn interrupted() -> Report {
    let mut report = sample::seed();
    report.run.interrupted = true;
    let first = report.cases.len() - 60;
    for case in &mut report.cases[first..] {
        case.verdict = Verdict::Skipped;
        INTERRUPTED.clone_into(&mut case.detail);
    }
    report
}

/// Every form must say `sentence`, and none that all is well.
fn says(report: &Report, kind: &str, sentence: &str) {
    let quiet = Comparison { file: "known.txt".to_owned(), same: 1, unjudged: 60, changes: Vec::new() };
    for report in [report.clone(), Report { baseline: Some(quiet), ..report.clone() }] {
        let page = html::to_string(&report).expect("a page");
        assert!(page.contains(&format!("{kind}</span> {sentence}</h1>")), "{sentence}");
        assert!(page.contains(&format!("<title>Pathlab: {sentence}</title>")), "{sentence}");
        let xml = junit::to_string(&report).expect("JUnit");
        assert!(xml.contains(&format!("<error message=\"{sentence}\" type=\"{kind}\"")), "{xml}");
        let page = markdown::to_string(&report);
        assert!(page.starts_with(&format!("## {sentence}\n")), "{page}");
        let notes = annotations::to_string(&report);
        assert_eq!(notes, format!("::error title={kind}::{sentence}\n"));
        for text in [render(&report, None, TerminalStyle::PLAIN), render_changes(&report, None, TerminalStyle::PLAIN)] {
            assert!(text.contains(&format!("\n{sentence}.  ")), "{text}");
            assert!(!text.contains("As expected") && !text.contains("As in the baseline"), "{text}");
        }
    }
}

#[test]
fn an_interrupted_run_is_not_as_expected() {
    says(&interrupted(), "interrupted", "Interrupted: 60 of 77 cases were not tried");
    let mut report = interrupted();
    report.cases.iter_mut().for_each(|case| case.verdict = Verdict::Pass);
    says(&report, "interrupted", "Interrupted: every case was tried");
}

#[test]
fn a_whole_without_one_of_its_parts_is_incomplete() {
    let mut report = sample::seed();
    report.run.missing = vec!["2/4".to_owned()];
    says(&report, "incomplete", "Incomplete: shard 2/4 is missing");
    report.run.missing.push("4/4".to_owned());
    says(&report, "incomplete", "Incomplete: 2 shards are missing: 2/4, 4/4");
}

#[test]
fn a_part_without_cases_claims_nothing() {
    let mut report = sample::seed();
    (report.cases, report.remedies, report.causes) = Default::default();
    assert!(markdown::to_string(&report).starts_with("## Nothing was tried\n"));
    assert!(
        render(&report, None, TerminalStyle::PLAIN).ends_with("\nNothing was tried.  0 cases in 8.4 s: no cases\n")
    );
    assert_eq!(annotations::to_string(&report), "");
    assert!(!junit::to_string(&report).expect("JUnit").contains("run::complete"));
}
