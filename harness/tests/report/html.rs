//! `report.html`, as far as its text shows it; what a browser makes of it is tested in `report_html`.

use pathlab::{model::report::Report, report::html};

use crate::{breaks, sample};

fn page(report: &Report) -> String {
    html::to_string(report).expect("rendered")
}

#[test]
fn everything_of_the_report_is_there() {
    let page = page(&sample::mixed());
    for part in [
        "Pod answers through its Service but not at its own IP",
        "canonical/microk8s#4903",
        "inet firewalld filter_FWD_public: reject with icmpx admin-prohibited",
        "firewalld zone public",
        "1 cause explains 2 of 2 failures on rhel-9.5",
        "★ recommended",
        "<span class=\"chip warn\">16443</span>",
        "1043 lines, 17 errors",
        "href=\"./evidence/rhel-9.5-1.tar.gz\"",
        "lab explain pod-ip-502::rocky-9.5::as-installed::outside-to-node-port",
        "SELinux (enforcing)",
        "never reached",
        "machine rocky-9.5-2",
        "VXLAN to 192.0.2.12",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for case in &sample::mixed().cases {
        assert!(page.contains(&case.id), "{}", case.id);
    }
}

#[test]
fn a_remedy_that_does_something_else_than_its_scenario_says_stands_out() {
    let page = page(&crate::with_a_changed_remedy());
    let said = "<strong>CHANGED: the scenario says `no-effect`, the run shows `fixes`</strong>";
    assert_eq!(page.matches(said).count(), 1);
}

#[test]
fn it_names_no_address_and_runs_nothing() {
    let page = page(&sample::mixed());
    for part in ["://", "<script", "javascript:", "<link", "<iframe", "src=", "url(", "@import", " style=", " onclick"]
    {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn hostile_text_stays_text() {
    let page = page(&sample::hostile());
    for part in ["<script", "<img", "href=\"javascript", "href=\"/", "href=\"./..", "\"'`"] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains(r"\u{1b}[31m"));
    assert!(!page.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
}

#[test]
fn a_large_matrix_stays_light() {
    let mut report = sample::seed();
    let cases = report.cases.clone();
    for copy in 0..130 {
        for case in &cases {
            let mut case = case.clone();
            case.distro = format!("{}-{copy}", case.distro);
            case.id = case.id.replacen("::", &format!("::{copy}-"), 1);
            report.cases.push(case);
        }
    }
    assert!(report.cases.len() > 10_000);
    let page = page(&report);
    assert!(page.len() < 8_000_000, "{}", page.len());
    assert!(page.contains("The matrix is large"));
}

#[test]
fn a_report_of_nothing_is_still_a_page() {
    let mut report = sample::seed();
    report.cases.clear();
    report.distros.clear();
    report.remedies.clear();
    report.causes.clear();
    report.differences.clear();
    report.evidence.clear();
    assert!(page(&report).contains("Nothing was tried"));
}

/// A cluster that broke shows neither that its remedy repairs nothing nor that it opens nothing.
#[test]
fn a_remedy_whose_cluster_broke_is_not_judged() {
    let row = |page: &str| {
        let start = page.find(" <span class=\"mono quiet\">firewalld-off</span>").expect("a row");
        let end = start + page[start..].find("</tr>").expect("an end");
        page[start..end].to_owned()
    };
    let mut report = sample::seed();
    let before = row(&page(&report));
    assert!(before.contains("fixes") && !before.contains("not judged"), "{before}");
    breaks(&mut report, "firewalld-off", "firewalld did not start", "firewalld did not start");
    let after = row(&page(&report));
    assert!(after.contains("not judged") && after.contains("v-error"), "{after}");
    assert!(after.contains("<td data-label=\"Opens\">–</td>") && !after.contains("no effect"), "{after}");
}
