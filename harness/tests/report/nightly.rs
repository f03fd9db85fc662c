//! What a night's report says of the baseline and of earlier nights, in every form.

use pathlab::{
    model::{Change, ChangeKind, Comparison, Fact, Night, Past, PastCase, Turn, Verdict, report::Report},
    report::{
        annotations, html, junit, markdown,
        terminal::{TerminalStyle, render_changes, render_past},
    },
};

use crate::sample;

const FAILED: &str = "pod-ip-502::rocky-9.5::as-installed::outside-to-node-port";

fn night(day: u8) -> Night {
    Night { run: format!("night-{day}"), started_at: format!("2026-11-{day:02}T02:17:00Z").parse().expect("a time") }
}

fn past() -> Past {
    let fact = |what: &str, before: Option<&str>, after: Option<&str>| Fact {
        what: what.to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    };
    let turn = Turn {
        good_before: true,
        good_after: false,
        before: "pass ok".to_owned(),
        after: "fail timeout, tunnel by firewalld zone public".to_owned(),
        last: night(2),
        first: night(3),
        changed: vec![
            fact("firewalld", Some("1.3.3"), Some("1.3.4")),
            fact("condition `forwarding off`", None, Some("sysctl -w net.ipv4.ip_forward=0")),
        ],
    };
    let case = |id: &str, verdicts: [Option<Verdict>; 4], turn: Option<Turn>, flakes| PastCase {
        id: id.to_owned(),
        verdicts: verdicts.to_vec(),
        now: "fail timeout".to_owned(),
        turn,
        flakes,
        judged: verdicts.iter().flatten().count(),
    };
    let (pass, fail) = (Some(Verdict::Pass), Some(Verdict::Fail));
    let flaked = "pod-ip-502::rocky-9.5::as-installed::pod-to-service-dns";
    Past {
        nights: (1..=4).map(night).collect(),
        cases: vec![
            case(FAILED, [pass, pass, fail, fail], Some(turn), 0),
            case(flaked, [pass, None, Some(Verdict::Flaky), pass], None, 1),
        ],
        steady: 40,
    }
}

/// The mixed sample after a comparison: one new failure, one case that is gone, and two failures as the baseline says.
fn compared() -> Report {
    let mut report = sample::mixed();
    report.cases.retain(|case| case.verdict != Verdict::Error);
    let change = |kind, id: &str, before: Option<&str>, now: Option<&str>| Change {
        kind,
        id: id.to_owned(),
        before: before.map(str::to_owned),
        now: now.map(str::to_owned),
    };
    report.baseline = Some(Comparison {
        file: "known.txt".to_owned(),
        same: 41,
        unjudged: 1,
        changes: vec![
            change(ChangeKind::NewFailure, FAILED, Some("pass ok"), Some("fail timeout  tunnel")),
            change(ChangeKind::Gone, "pod-ip-502::rocky-9.5::as-installed::node-to-dns", Some("pass ok"), None),
        ],
    });
    report.past = Some(past());
    report
}

#[test]
fn the_terminal_shows_only_what_changed() {
    insta::assert_snapshot!(render_changes(&compared(), None, TerminalStyle::PLAIN), @r"
    2 changes against known.txt: 41 as before, 1 not judged
      NEW FAILURE  pod-ip-502::rocky-9.5::as-installed::outside-to-node-port
        was  pass ok
        is   fail timeout  tunnel
        timeout, expected ok: no answer from 192.0.2.11:31080 within 2 s
        cause: rocky-9.5-2 rejects the tunnel: VXLAN packets to 4789/udp are in no service of zone
        public.
        lab explain pod-ip-502::rocky-9.5::as-installed::outside-to-node-port
      GONE  pod-ip-502::rocky-9.5::as-installed::node-to-dns
        was pass ok

    netns lab, dataplane cluster: kernel 6.18.5, firewalld 1.3.3, nft 1.0.6, iptables 1.8.9 (nf_tables),
    nginx 1.22.1, dnsmasq 2.90, pathlab 0.1.0
    Changed.  87 cases in 8.4 s: 76 pass, 7 known, 1 skipped, 1 flaky, 1 fixed, 1 fail
    ");
}

#[test]
fn the_history_is_a_strip_and_sentences() {
    insta::assert_snapshot!(render_past(&past(), TerminalStyle::PLAIN), @r"
    4 runs, from 2026-11-01 02:17 (night-1) to 2026-11-04 02:17 (night-4)

    rocky-9.5
      |··FF|  pod-ip-502::rocky-9.5::as-installed::outside-to-node-port
        Last good 2026-11-02 02:17 (night-2): pass ok. First bad 2026-11-03 02:17 (night-3): fail
        timeout, tunnel by firewalld zone public.
        between these two changed:
          firewalld: 1.3.3 → 1.3.4
          condition `forwarding off`, new: sysctl -w net.ipv4.ip_forward=0
      |· ~·|  pod-ip-502::rocky-9.5::as-installed::pod-to-service-dns
        Flaky: 1 of 3 runs (33 %).

    40 cases the same in all of these runs
    · pass, F fail, k known, ! fixed, ~ flaky, - skipped, E error
    ");
}

#[test]
fn in_junit_only_changes_are_failures() {
    let xml = junit::to_string(&compared()).expect("JUnit");
    assert_eq!(xml.matches("<failure ").count(), 2, "{xml}");
    assert!(xml.contains(r#"type="new-failure""#) && xml.contains(r#"<testsuite name="baseline""#), "{xml}");
    assert!(xml.contains(r#"type="baseline""#), "what fails as before is told: {xml}");
    let quiet = Comparison { changes: Vec::new(), ..compared().baseline.expect("compared") };
    let xml = junit::to_string(&Report { baseline: Some(quiet), ..compared() }).expect("JUnit");
    assert_eq!(xml.matches("<failure ").count(), 0, "{xml}");
}

#[test]
fn a_known_case_that_changed_is_described_once() {
    let mut report = compared();
    let id = report.cases.iter().find(|case| case.verdict == Verdict::Known).expect("one").id.clone();
    let mut quiet = report.clone();
    let comparison = report.baseline.as_mut().expect("compared");
    comparison.changes = vec![Change { id: id.clone(), ..comparison.changes[0].clone() }];
    quiet.baseline.as_mut().expect("compared").changes.clear();
    for (report, describing) in [(report, "failure"), (quiet, "system-out")] {
        let xml = junit::to_string(&report).expect("JUnit");
        let own = xml.split("<testcase ").find(|case| case.contains(&format!("{id}\""))).expect("the case").to_owned();
        assert_eq!(own.matches("explain: ").count(), 1, "{own}");
        assert!(own.contains(&format!("</{describing}>")), "{own}");
    }
}

#[test]
fn the_page_has_the_changes_and_the_strip() {
    let page = html::to_string(&compared()).expect("a page");
    for part in [
        "2 changes against the baseline",
        "new failure",
        "The last 4 runs",
        "Last good 2026-11-02 02:17 (night-2): pass ok.",
        "firewalld: 1.3.3 → 1.3.4",
        "Flaky: 1 of 3 runs (33 %).",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
}

#[test]
fn a_job_summary_has_what_a_reader_needs() {
    let page = markdown::to_string(&compared());
    for part in [
        "## 2 changes against the baseline\n",
        "| new failure | `pod-ip-502::rocky-9.5::as-installed::outside-to-node-port` | pass ok | fail timeout  tunnel |",
        "| gone | `pod-ip-502::rocky-9.5::as-installed::node-to-dns` | pass ok | – |",
        "### 1 case to look at\n",
        "| – | kernel 6.18.5 (declared 5.14.0-503.11.1.el9\\_5); firewalld 1.3.3 (declared 1.3.4-7.el9); nft 1.0.6",
        "<summary>The last 4 runs: 40 cases the same in all of them</summary>",
    ] {
        assert!(page.contains(part), "no `{part}` in\n{page}");
    }
    assert!(markdown::to_string(&sample::seed()).starts_with("## As expected\n"));
}

#[test]
fn annotations_are_one_line_each() {
    let text = annotations::to_string(&compared());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("::error title=new failure%3A pod-ip-502%3A%3Arocky-9.5%3A%3Aas-installed"), "{text}");
    assert!(lines[1].starts_with("::warning title=gone%3A "), "{text}");
    assert_eq!(annotations::to_string(&sample::seed()), "", "nothing to find");
    let many = annotations::to_string(&sample::mixed());
    assert!(many.lines().count() <= 11 && many.contains("::error title=error%3A "), "{many}");
}

#[test]
fn hostile_text_stays_text() {
    let mut hostile = sample::hostile();
    let bad = hostile.cases[0].detail.clone() + "\n::error title=x::y\n<script>alert(1)</script> | `x` 100%";
    for case in &mut hostile.cases {
        case.verdict = Verdict::Fail;
        bad.clone_into(&mut case.detail);
    }
    let page = markdown::to_string(&hostile);
    // In a code span every character stands for itself.
    let outside: String = page.replace("\\`", "").split('`').step_by(2).collect();
    assert!(!outside.contains("<script") && !page.contains("\n::error"), "{page}");
    for line in annotations::to_string(&hostile).lines() {
        assert!(line.starts_with("::error ") || line.starts_with("::warning "), "{line}");
        assert!(!line.contains('\u{1b}') && !line.contains("100% "), "{line}");
    }
    let mut hostile = compared();
    hostile.past.as_mut().expect("a past").cases[0].turn.as_mut().expect("a turn").after = bad.clone();
    hostile.baseline.as_mut().expect("compared").changes[0].now = Some(bad);
    let page = html::to_string(&hostile).expect("a page");
    assert!(!page.contains("<script"), "escaped");
}
