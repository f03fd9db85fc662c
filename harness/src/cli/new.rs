//! `lab new`: a scenario that runs as it is, written to be changed into a reported bug.

use std::io::Write;

use camino::Utf8Path;
use fs_err as fs;

use super::{args::NewArgs, failure::Failure};
use crate::catalog::{Catalog, CatalogError, find_root};

const SCENARIO: &str = include_str!("new/scenario.yaml");
const MANIFEST: &str = include_str!("new/web.yaml");
const README: &str = include_str!("new/README.md");

/// Writes the scenario's folder, and says what to do with it. Nothing that exists is overwritten.
pub fn run(args: &NewArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let root = find_root().map_err(Failure::input)?;
    let own = root.join("scenarios");
    let parent = args.dir.as_deref().unwrap_or(&own);
    let folder = parent.join(&args.id);
    if folder.exists() {
        return Err(Failure::input(CatalogError::new(format!("{folder} exists already"))));
    }
    // Inside of Pathlab the schema lies beside the folder; elsewhere editors need its whole path.
    let schema = if parent == own { "..".to_owned() } else { own.to_string() };
    let filled = |text: &str| {
        text.replace("@ID@", &args.id).replace("@REPORT@", &quoted(&args.from)).replace("@SCHEMA@", &schema)
    };
    let files = [("scenario.yaml", filled(SCENARIO)), ("web.yaml", MANIFEST.to_owned()), ("README.md", filled(README))];
    write(&folder, &files).map_err(|error| Failure::input(CatalogError::new(format!("cannot be written: {error}"))))?;
    if let Err(problem) = Catalog::load(&root).and_then(|mut catalog| catalog.scenario(&format!("{folder}/")).map(drop))
    {
        // The id or the report is not what a scenario may hold; its files are this run's own.
        drop(fs::remove_dir_all(&folder));
        return Err(Failure::input(problem));
    }
    let name = if parent == own { args.id.clone() } else { folder.to_string() };
    writeln!(out, "{folder}: written, and runs as it is: lab run -s {name}\nHow to go on: {}", own.join("GUIDE.md"))?;
    Ok(())
}

fn write(folder: &Utf8Path, files: &[(&str, String)]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    files.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
}

/// The report as it stands in YAML: its `#` starts no comment.
fn quoted(report: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.#".contains(c);
    if report.chars().all(plain) { report.to_owned() } else { format!("{report:?}") }
}
