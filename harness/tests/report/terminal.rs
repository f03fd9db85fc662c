//! The terminal text, at the widths that people have.

use camino::Utf8Path;
use pathlab::report::terminal::{TerminalStyle, render};
use unicode_width::UnicodeWidthStr;

use crate::{breaks, sample};

const DIR: &str = "reports/2026-11-23T19-05-12Z";

fn plain(width: usize) -> TerminalStyle {
    TerminalStyle { width, ..TerminalStyle::PLAIN }
}

#[test]
fn seed_at_every_width() {
    for width in [80, 100, 140, 180] {
        let text = render(&sample::seed(), Some(Utf8Path::new(DIR)), plain(width));
        insta::assert_snapshot!(format!("seed-{width}"), text);
    }
}

#[test]
fn every_verdict_at_100() {
    insta::assert_snapshot!("mixed-100", render(&sample::mixed(), None, plain(100)));
}

#[test]
fn ascii_needs_no_other_character() {
    let style = TerminalStyle { unicode: false, ..plain(80) };
    let text = render(&sample::mixed(), None, style);
    assert!(text.is_ascii(), "{:?}", text.chars().find(|c| !c.is_ascii()));
    assert!(text.contains("timeout (FAIL)"));
}

#[test]
fn colours_are_added_and_say_nothing_alone() {
    let style = TerminalStyle { color: true, ..plain(100) };
    let text = render(&sample::mixed(), None, style);
    assert_eq!(anstream::adapter::strip_str(&text).to_string(), render(&sample::mixed(), None, plain(100)));
    insta::assert_snapshot!("mixed-100-colour", text.replace('\u{1b}', "␛"));
}

#[test]
fn lines_keep_to_the_width() {
    for report in [sample::seed(), sample::mixed()] {
        for width in 60..200 {
            for line in render(&report, Some(Utf8Path::new(DIR)), plain(width)).lines() {
                // Commands and case names stay whole, to be copied.
                let unbreakable = line.contains("::");
                assert!(unbreakable || line.width() <= width, "{} > {width}: {line}", line.width());
            }
        }
    }
}

#[test]
fn hostile_text_stays_text() {
    let text = render(&sample::hostile(), None, plain(100));
    assert!(text.contains(r"\u{1b}[31m"));
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
}

/// A cluster that broke says so once, not once a case; a case that broke alone stands alone.
#[test]
fn a_broken_cluster_gives_its_reason_once() {
    let mut report = sample::seed();
    let all = breaks(&mut report, "firewalld-off", "firewalld did not start", "its own reason");
    assert!(all > 2);
    let text = render(&report, None, plain(100));
    assert_eq!(text.matches("firewalld did not start").count(), 1, "{text}");
    assert!(text.contains(&format!("ERROR  pod-ip-502::rhel-9.5::firewalld-off, {} cases\n", all - 1)), "{text}");
    assert_eq!(text.matches("its own reason").count(), 1, "{text}");
    let line = text.lines().find(|line| line.trim_start().starts_with("firewalld-off ")).expect("a line");
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["firewalld-off", "not", "judged"], "{text}");
}
