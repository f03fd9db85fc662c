//! What the machines were, beside what their distro's file declares, and what this lab does not cover.

use unicode_width::UnicodeWidthStr;

use super::{page::Page, style::Tone};
use crate::{
    model::report::Report,
    report::{text::clean, versions},
};

/// Writes one entry per distro.
pub(super) fn write(page: &mut Page, report: &Report) {
    if report.distros.is_empty() {
        return;
    }
    page.heading("Machines");
    let width = report.distros.iter().map(|distro| clean(&distro.id).width()).max().unwrap_or(0);
    for distro in &report.distros {
        let id = clean(&distro.id);
        let versions = versions::of_machine(&distro.machine).join(", ");
        page.entry(2, &[(&id, width, Tone::Plain)], Tone::Plain, &clean(&versions));
        if !distro.machine.drift.is_empty() {
            let text = format!("not as its distro is installed: {}", distro.machine.drift.join("; "));
            page.entry(2, &[("", width, Tone::Plain)], Tone::Known, &clean(&text));
        }
        if !distro.machine.not_covered.is_empty() {
            let text = format!("not covered here: {}", distro.machine.not_covered.join("; "));
            page.entry(2, &[("", width, Tone::Plain)], Tone::Known, &clean(&text));
        }
    }
}
