//! What happened in a case, in lines for a person.

use super::{cell, text::clean};
use crate::model::{Verdict, report::CaseReport};

/// What happened against what was expected, each try if there were several, and the cause.
pub(super) fn of(case: &CaseReport) -> Vec<String> {
    let mut lines = vec![said(case)];
    if case.tries.len() > 1 {
        let tries = case.tries.iter().map(|one| format!("{}: {}{}", one.when, one.outcome, behind(", ", &one.detail)));
        lines.extend(tries.map(|line| clean(&line).into_owned()));
    }
    if let Some(cause) = &case.cause {
        lines.push(format!("cause: {}", clean(&cause.summary)));
    }
    lines
}

fn said(case: &CaseReport) -> String {
    let against = match (case.verdict, &case.upstream) {
        (Verdict::Skipped, _) => return clean(&format!("skipped{}", behind(": ", &case.detail))).into_owned(),
        (Verdict::Fixed, Some(upstream)) => format!("known to fail ({upstream})"),
        (Verdict::Fixed, None) => "known to fail".to_owned(),
        (Verdict::Known, Some(upstream)) => format!("expected {}, known to fail so ({upstream})", case.expected),
        _ => format!("expected {}", case.expected),
    };
    // With several tries, each says its own.
    let detail = if case.tries.len() > 1 { String::new() } else { behind(": ", &case.detail) };
    clean(&format!("{}, {against}{detail}", cell::outcome(case))).into_owned()
}

fn behind(separator: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{separator}{text}") }
}
