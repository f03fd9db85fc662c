//! What the machines were, beside what their distro's file declares, and what this lab does not cover.

use unicode_width::UnicodeWidthStr;

use super::{page::Page, style::Tone};
use crate::{
    model::report::Report,
    report::{text::clean, versions},
};

/// Writes one entry per distro that a machine has.
pub(super) fn write(page: &mut Page, report: &Report) {
    if report.distros.is_empty() {
        return;
    }
    page.heading("Machines");
    let machines = report.machines();
    let width = machines.iter().map(|(distro, _)| clean(distro).width()).max().unwrap_or(0);
    for (distro, machine) in machines {
        let id = clean(distro);
        let versions = versions::of_machine(machine).join(", ");
        page.entry(2, &[(&id, width, Tone::Plain)], Tone::Plain, &clean(&versions));
        if !machine.drift.is_empty() {
            let text = format!("not as its distro is installed: {}", machine.drift.join("; "));
            page.entry(2, &[("", width, Tone::Plain)], Tone::Known, &clean(&text));
        }
        if !machine.not_covered.is_empty() {
            let text = format!("not covered here: {}", machine.not_covered.join("; "));
            page.entry(2, &[("", width, Tone::Plain)], Tone::Known, &clean(&text));
        }
    }
}
