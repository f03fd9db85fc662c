//! `lab list`: distros, scenarios, providers.

use std::io::{self, Write};

use miette::Diagnostic;
use serde_json::{Value, json};

use super::{
    args::{ListArgs, ListFormat, Listed},
    failure::Failure,
    library,
    table::table,
};
use crate::{
    catalog::{
        Catalog, CatalogError,
        distro::Distro,
        scenario::{Nodes, Scenario},
    },
    model::ProviderKind,
};

/// What is listed: a heading, a row and an object for each, and the files that are broken.
struct Listing {
    heading: &'static [&'static str],
    rows: Vec<(Vec<String>, Value)>,
    problems: Vec<Box<dyn Diagnostic + Send + Sync>>,
}

/// Prints the list. Broken scenario files are reported after what could be read.
pub fn run(args: &ListArgs, out: &mut dyn Write) -> Result<(), Failure> {
    if args.format == ListFormat::Markdown {
        let page = library(&Catalog::open().map_err(Failure::input)?, args.what)?;
        return Ok(out.write_all(page.as_bytes())?);
    }
    let listing = match args.what {
        Listed::Distros => distros(&Catalog::open().map_err(Failure::input)?),
        Listed::Scenarios => scenarios(&Catalog::open().map_err(Failure::input)?)?,
        Listed::Providers => providers(),
    };
    let text = match args.format {
        ListFormat::Text => {
            let heading = listing.heading.iter().map(|word| (*word).to_owned()).collect();
            let rows: Vec<Vec<String>> =
                std::iter::once(heading).chain(listing.rows.into_iter().map(|row| row.0)).collect();
            table(&rows)
        }
        ListFormat::Json | ListFormat::Markdown => {
            let values: Vec<Value> = listing.rows.into_iter().map(|row| row.1).collect();
            serde_json::to_string_pretty(&values).map_err(io::Error::from)? + "\n"
        }
    };
    out.write_all(text.as_bytes())?;
    if listing.problems.is_empty() { Ok(()) } else { Err(Failure::Input(listing.problems)) }
}

/// The page of all scenarios; nothing else has one.
fn library(catalog: &Catalog, what: Listed) -> Result<String, Failure> {
    if what != Listed::Scenarios {
        let error = CatalogError::new("`--format markdown` is for scenarios only");
        return Err(Failure::input(error.advice("use `lab list scenarios --format markdown`")));
    }
    let (mut scenarios, mut problems): (Vec<_>, Vec<Box<dyn Diagnostic + Send + Sync>>) = (Vec::new(), Vec::new());
    for scenario in catalog.scenarios().map_err(Failure::input)? {
        match scenario {
            Ok(scenario) => scenarios.push(scenario),
            Err(problem) => problems.push(Box::new(problem)),
        }
    }
    if problems.is_empty() { Ok(library::page(&scenarios)) } else { Err(Failure::Input(problems)) }
}

fn distros(catalog: &Catalog) -> Listing {
    let row = |distro: &std::sync::Arc<Distro>| {
        let firewall = distro.policy.firewall.kind().map_or_else(|| "none".to_owned(), |kind| kind.to_string());
        let cells = vec![distro.id.clone(), distro.aliases.join(", "), firewall, distro.title.clone()];
        (cells, json!(**distro))
    };
    let rows = catalog.distros().all().iter().map(row).collect();
    Listing { heading: &["ID", "ALIASES", "FIREWALL", "TITLE"], rows, problems: Vec::new() }
}

fn scenarios(catalog: &Catalog) -> Result<Listing, Failure> {
    let mut listing = Listing {
        heading: &["ID", "UPSTREAM", "DISTROS", "NODES", "PROVIDERS", "TITLE"],
        rows: Vec::new(),
        problems: Vec::new(),
    };
    for scenario in catalog.scenarios().map_err(Failure::input)? {
        match scenario {
            Ok(scenario) => listing.rows.push(scenario_row(&scenario)),
            Err(problem) => listing.problems.push(Box::new(problem)),
        }
    }
    Ok(listing)
}

fn scenario_row(scenario: &Scenario) -> (Vec<String>, Value) {
    let distros: Vec<&str> = scenario.distros.iter().map(|distro| distro.id.as_str()).collect();
    let providers: Vec<&str> =
        ProviderKind::ALL.iter().filter(|kind| scenario.lacking(**kind).is_none()).map(|kind| kind.as_str()).collect();
    let machines: Option<Vec<&str>> = match &scenario.nodes {
        Nodes::Count(_) => None,
        Nodes::Mixed(machines) => Some(machines.iter().map(|machine| machine.id.as_str()).collect()),
    };
    let nodes = machines.as_ref().map_or_else(|| scenario.nodes.count().to_string(), |machines| machines.join("+"));
    let every = providers.len() == ProviderKind::ALL.len();
    let cells = vec![
        scenario.id.clone(),
        scenario.upstream.join(", "),
        distros.join(", "),
        nodes,
        if every { "all".to_owned() } else { providers.join(", ") },
        scenario.title.clone(),
    ];
    let value = json!({
        "id": scenario.id,
        "title": scenario.title,
        "upstream": scenario.upstream,
        "distros": distros,
        "nodes": scenario.nodes.count(),
        "machines": machines,
        "providers": providers,
        "needs": scenario.carriers.as_ref().map(|carriers| &carriers.needs),
        "paths": scenario.paths.iter().map(|spec| spec.path.to_string()).collect::<Vec<_>>(),
        "remedies": scenario.remedies.iter().map(|remedy| &remedy.id).collect::<Vec<_>>(),
        "dir": scenario.dir,
    });
    (cells, value)
}

fn providers() -> Listing {
    let row = |kind: &ProviderKind| {
        let clusters: Vec<&str> = kind.clusters().iter().map(|cluster| cluster.as_str()).collect();
        let cells = vec![kind.to_string(), clusters.join(", "), kind.needs().to_owned()];
        (cells, json!({ "id": kind, "clusters": clusters, "needs": kind.needs() }))
    };
    let rows = ProviderKind::ALL.iter().map(row).collect();
    Listing { heading: &["ID", "CLUSTERS", "NEEDS"], rows, problems: Vec::new() }
}
