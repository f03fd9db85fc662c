//! The page of the library: every scenario with its report, and what its remedies are known to do.

use std::{fmt::Write as _, sync::Arc};

use crate::{
    catalog::scenario::{Nodes, Remedy, Scenario},
    model::{ProviderKind, RemedyVerdict},
};

const HEAD: &str = "\
# All scenarios

<!-- Generated: `lab list scenarios --format markdown > scenarios/LIBRARY.md`. -->

| scenario | report | hosts | what goes wrong |
| --- | --- | --- | --- |
";

/// The page, in Markdown.
#[must_use]
pub fn page(scenarios: &[Arc<Scenario>]) -> String {
    let mut page = HEAD.to_owned();
    for scenario in scenarios {
        let id = &scenario.id;
        let reports: Vec<String> = scenario.upstream.iter().map(|report| link(report)).collect();
        let row = [format!("[`{id}`]({id}/README.md)"), reports.join(", "), hosts(scenario), scenario.title.clone()];
        writeln!(page, "| {} |", row.map(|cell| cell.replace('|', "\\|")).join(" | ")).expect("a String takes all");
    }
    page.push_str("\n## Remedies\n\nWhat a run is known to show of each; **bold**: recommended.\n\n");
    page.push_str(
        "| scenario | fixes | partly | no effect or breaks | not measured |\n| --- | --- | --- | --- | --- |\n",
    );
    for scenario in scenarios {
        let with = |words: &[Option<&str>]| {
            let known = |remedy: &&Remedy| words.contains(&remedy.verdict.map(RemedyVerdict::as_str));
            scenario.remedies.iter().filter(known).map(name).collect::<Vec<_>>().join(", ")
        };
        let cells = [
            with(&[Some("fixes")]),
            with(&[Some("partly")]),
            with(&[Some("no-effect"), Some("breaks")]),
            with(&[None]),
        ];
        writeln!(page, "| `{}` | {} |", scenario.id, cells.join(" | ")).expect("a String takes all");
    }
    page
}

fn name(remedy: &Remedy) -> String {
    if remedy.recommended { format!("**`{}`**", remedy.id) } else { format!("`{}`", remedy.id) }
}

/// A report as a link, where it is one of GitHub's.
fn link(report: &str) -> String {
    match report.split_once('#') {
        Some((repository, number)) if !report.contains("://") => {
            format!("[{report}](https://github.com/{repository}/issues/{number})")
        }
        _ => report.to_owned(),
    }
}

fn hosts(scenario: &Scenario) -> String {
    let distros: Vec<&str> = match &scenario.nodes {
        Nodes::Count(_) => scenario.distros.iter().map(|distro| distro.id.as_str()).collect(),
        Nodes::Mixed(machines) => machines.iter().map(|distro| distro.id.as_str()).collect(),
    };
    let count = scenario.nodes.count();
    let machines = match &scenario.nodes {
        Nodes::Mixed(_) => format!("{} in one cluster", distros.join(" + ")),
        Nodes::Count(_) if count > 1 => format!("{}, {count} machines", distros.join(", ")),
        Nodes::Count(_) => distros.join(", "),
    };
    match (scenario.lacking(ProviderKind::Netns), scenario.lacking(ProviderKind::Libvirt)) {
        (Some(_), _) => format!("{machines}, VMs only"),
        (None, Some(_)) => format!("{machines}, namespace hosts only"),
        (None, None) => machines,
    }
}

#[cfg(test)]
mod tests {
    use super::{link, page};
    use crate::catalog::Catalog;

    #[test]
    fn the_committed_page_is_current() {
        let root = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        let scenarios = Catalog::load(root).and_then(|catalog| catalog.scenarios()).expect("a catalogue");
        let scenarios: Vec<_> = scenarios.into_iter().map(|scenario| scenario.expect("no broken scenario")).collect();
        let committed = std::fs::read_to_string(root.join("scenarios/LIBRARY.md")).expect("scenarios/LIBRARY.md");
        let help = "it is old: `lab list scenarios --format markdown > scenarios/LIBRARY.md`";
        assert!(committed == page(&scenarios), "{help}");
        for scenario in scenarios {
            assert!(scenario.dir.join("README.md").exists(), "{} has no README.md", scenario.id);
        }
    }

    #[test]
    fn reports_become_links() {
        assert_eq!(link("a/b#1"), "[a/b#1](https://github.com/a/b/issues/1)");
        assert_eq!(link("https://example.org/x#1"), "https://example.org/x#1");
    }
}
