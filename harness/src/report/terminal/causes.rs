//! Why cases fail: each cause once, with what it explains.

use super::{page::Page, style::Tone};
use crate::{
    model::report::Report,
    report::{
        cause::{Causes, Group, place},
        matrix::Matrix,
        text::{clean, explain_command},
    },
};

/// Writes the grouped causes of a scenario.
pub(super) fn write(page: &mut Page, report: &Report, matrix: &Matrix<'_>) {
    for causes in Causes::of(report, matrix) {
        page.heading(&format!("{}:", clean(&causes.headline())));
        for group in &causes.groups {
            write_group(page, group);
        }
    }
}

fn write_group(page: &mut Page, group: &Group<'_>) {
    let cause = &group.group.cause;
    page.paragraph(2, Tone::Plain, &clean(&cause.summary));
    let mut facts = vec![("kind", cause.kind.to_string())];
    facts.extend(place(cause).map(|place| ("rule", place)));
    facts.extend(cause.owner.clone().map(|owner| ("owner", owner)));
    facts.push(("paths", group.paths().join(", ")));
    facts.extend(group.cases.first().map(|case| ("explain", explain_command(&case.id))));
    for (label, text) in facts {
        page.entry(4, &[(label, 7, Tone::Quiet)], Tone::Plain, &clean(&text));
    }
}
