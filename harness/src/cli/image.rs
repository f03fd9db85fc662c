//! `lab image`: fetches, builds, lists and verifies the images that virtual machines boot from.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use miette::Diagnostic;
use serde_json::{Value, json};

use super::{
    args::{
        Format, ImageAction, ImageArgs, ImageBuildArgs, ImageFetchArgs, ImageListArgs, ImageVerifyArgs, OwnImageArgs,
    },
    failure::Failure,
    lock::Locking,
    table::table,
    wait::runtime,
};
use crate::{
    catalog::{Catalog, distro::Distro},
    image::{self, BaseImage, FetchOptions, Fetched, Origin, OwnImages, Progress, State, Store},
    lock::Used,
};

type Problems = Vec<Box<dyn Diagnostic + Send + Sync>>;

/// Carries out one action. What was asked for goes to standard output, progress to standard error.
pub fn run(args: &ImageArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let catalog = Catalog::open().map_err(Failure::input)?;
    match &args.action {
        ImageAction::List(args) => list(args, &catalog, out),
        ImageAction::Fetch(args) => fetch(args, &catalog, out),
        ImageAction::Verify(args) => verify(args, &catalog, out),
        ImageAction::Build(args) => build(args, &catalog, out),
    }
}

/// The store, with the user's own images of the command line.
fn store(own: &OwnImageArgs, catalog: &Catalog) -> Result<Store, Failure> {
    for image in &own.images {
        catalog.distros().named(&image.distro).map_err(Failure::input)?;
    }
    let images = own.images.iter().map(|image| (image.distro.clone(), image.file.clone()));
    Store::open(OwnImages::new(images)).map_err(Failure::lab)
}

fn named(names: &[String], catalog: &Catalog) -> Result<Vec<Arc<Distro>>, Failure> {
    let distros: Result<Vec<_>, _> = names.iter().map(|name| catalog.distros().named(name).cloned()).collect();
    let mut distros = distros.map_err(Failure::input)?;
    let mut seen = std::collections::BTreeSet::new();
    distros.retain(|distro| seen.insert(distro.id.clone()));
    Ok(distros)
}

fn list(args: &ImageListArgs, catalog: &Catalog, out: &mut dyn Write) -> Result<(), Failure> {
    let store = store(&args.own, catalog)?;
    let rows = catalog.distros().all().iter().map(|distro| row(distro, &store.state(distro)));
    let text = match args.format {
        Format::Text => {
            let heading = ["DISTRO", "STATE", "SIZE", "WHERE"].map(str::to_owned).to_vec();
            table(&std::iter::once(heading).chain(rows.map(|row| row.0)).collect::<Vec<_>>())
        }
        Format::Json => {
            let values: Vec<Value> = rows.map(|row| row.1).collect();
            serde_json::to_string_pretty(&values).map_err(io::Error::from)? + "\n"
        }
    };
    Ok(out.write_all(text.as_bytes())?)
}

fn row(distro: &Distro, state: &State) -> (Vec<String>, Value) {
    let (word, bytes, place) = match state {
        State::Here { path, bytes, origin } => (origin_word(*origin), Some(*bytes), path.to_string()),
        State::Partly(bytes) => ("partly", Some(*bytes), format!("goes on with: lab image fetch {}", distro.id)),
        State::Absent(help) => ("absent", None, help.clone()),
        State::Missing { path, from } => ("missing", None, format!("{from} names {path}, which does not exist")),
    };
    let size = bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{} MB", bytes.div_ceil(1_000_000)));
    let key = if matches!(state, State::Here { .. }) { "path" } else { "how_to_get" };
    let value = json!({ "distro": distro.id, "state": word, "bytes": bytes, key: place });
    (vec![distro.id.clone(), word.to_owned(), size, place], value)
}

const fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Downloaded => "downloaded",
        Origin::Built => "built",
        Origin::Own => "own",
    }
}

fn fetch(args: &ImageFetchArgs, catalog: &Catalog, out: &mut dyn Write) -> Result<(), Failure> {
    let store = store(&args.own, catalog)?;
    let distros = named(&args.distros, catalog)?;
    let options = FetchOptions { stall: Duration::from_secs(args.stall) };
    let progress = Progress::detect();
    let runtime = runtime()?;
    let mut problems = Problems::new();
    for distro in distros {
        match runtime.block_on(image::fetch(&store, &distro, options, &progress)) {
            Ok(Fetched::Present(base)) => print(out, &base, "was here")?,
            Ok(Fetched::New(base)) => print(out, &base, "fetched")?,
            Err(error) => problems.push(Box::new(error)),
        }
    }
    ended(problems)
}

fn verify(args: &ImageVerifyArgs, catalog: &Catalog, out: &mut dyn Write) -> Result<(), Failure> {
    let locking = Locking::new(&args.lock)?;
    let store = store(&args.own, catalog)?;
    let distros = if args.distros.is_empty() {
        let here = |distro: &&Arc<Distro>| matches!(store.state(distro), State::Here { .. });
        catalog.distros().all().iter().filter(here).cloned().collect()
    } else {
        named(&args.distros, catalog)?
    };
    let (mut images, mut problems) = (Vec::new(), Problems::new());
    for distro in distros {
        match store.checked(&distro) {
            Ok(base) => {
                print(out, &base, "right")?;
                images.push(base);
            }
            Err(error) => problems.push(Box::new(error)),
        }
    }
    if images.is_empty() && problems.is_empty() {
        writeln!(out, "no image is here")?;
    }
    if problems.is_empty() {
        let used = Used::of_images(&images);
        // As `lab run` refuses what differs before it makes anything: bad input, not a lab that broke.
        locking.before(|| Ok(used.clone()))?;
        locking.after(&used).map_err(Failure::lab)?;
    }
    ended(problems)
}

fn build(args: &ImageBuildArgs, catalog: &Catalog, out: &mut dyn Write) -> Result<(), Failure> {
    let distro = catalog.distros().named(&args.distro).map_err(Failure::input)?;
    let store = Store::open(OwnImages::default()).map_err(Failure::lab)?;
    let base = image::build(&store, distro, args.anew, &Progress::detect()).map_err(Failure::lab)?;
    Ok(print(out, &base, "built")?)
}

fn print(out: &mut dyn Write, base: &BaseImage, word: &str) -> io::Result<()> {
    writeln!(out, "{}  {word}  sha256:{}  {}", base.distro, base.sha256, base.path)
}

/// Every image that could not be had is told.
fn ended(problems: Problems) -> Result<(), Failure> {
    if problems.is_empty() { Ok(()) } else { Err(Failure::Lab(problems)) }
}
