//! `lab status`: the labs that are up, and the machines of one.

use std::{io::Write, process::ExitCode};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    super::{
        args::{Format, StatusArgs},
        exit::Exit,
        failure::Failure,
        table::table,
    },
    open, wait,
};
use crate::{
    cluster::PlaceKind,
    lab::Lab,
    ledger::{Ledger, Record, State},
};

/// One lab as `lab status` lists it.
#[derive(Serialize)]
struct Line {
    name: String,
    state: &'static str,
    provider: String,
    scenarios: Vec<String>,
    distros: Vec<String>,
    created_at: Timestamp,
    keeper: i32,
    resources: Vec<Value>,
}

/// Prints the status.
pub fn run(args: &StatusArgs, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    match &args.name {
        Some(name) => one(&wait(open(name))??, args.format, out)?,
        None => all(args.format, out)?,
    }
    Ok(Exit::AsExpected.into())
}

fn all(format: Format, out: &mut dyn Write) -> Result<(), Failure> {
    let ledger = Ledger::open().map_err(Failure::lab)?;
    let mut lines = Vec::new();
    for name in ledger.labs().map_err(Failure::lab)? {
        if let Some((record, owned)) = ledger.read(&name).map_err(Failure::lab)? {
            lines.push(line(&record, owned));
        }
    }
    match format {
        Format::Json => json_to(out, &lines),
        Format::Text if lines.is_empty() => Ok(out.write_all(b"No lab is up.\n")?),
        Format::Text => {
            let heading = ["NAME", "STATE", "PROVIDER", "SCENARIO", "DISTROS", "AGE"].map(str::to_owned).to_vec();
            let rows = lines.iter().map(|line| {
                vec![
                    line.name.clone(),
                    line.state.to_owned(),
                    line.provider.clone(),
                    line.scenarios.join(", "),
                    if line.distros.is_empty() { "the scenario's".to_owned() } else { line.distros.join(", ") },
                    age(line.created_at),
                ]
            });
            Ok(out.write_all(table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>()).as_bytes())?)
        }
    }
}

fn line(record: &Record, owned: bool) -> Line {
    let texts = |key: &str| -> Vec<String> {
        let values = record.about.details.get(key).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(|value| value.as_str().map(last_part)).collect()
    };
    Line {
        name: record.name.to_string(),
        state: match (owned, record.state) {
            (false, State::Kept) => "kept",
            (false, _) => "gone",
            (true, State::Making) => "making",
            (true, State::Up) => "up",
            (true, State::Down) => "ending",
            (true, State::Kept) => "in use",
        },
        provider: record.about.provider.clone(),
        scenarios: texts("scenarios"),
        distros: texts("distros"),
        created_at: record.created_at,
        keeper: record.owner.pid,
        resources: record.resources.iter().filter_map(|held| serde_json::to_value(held).ok()).collect(),
    }
}

/// A scenario outside of the catalogue is known by its folder's name.
fn last_part(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

fn one(lab: &Lab, format: Format, out: &mut dyn Write) -> Result<(), Failure> {
    if format == Format::Json {
        let machines: Vec<Value> = rows(lab)
            .map(|[name, kind, node, address]| json!({ "name": name, "kind": kind, "node": node, "address": address }))
            .collect();
        let clusters: Vec<&str> = lab.described.clusters.iter().map(|cluster| cluster.id.as_str()).collect();
        let cluster = lab.described.cluster;
        let mut all = serde_json::to_value(line(&lab.record, true)).map_err(|error| Failure::Output(error.into()))?;
        if let Value::Object(all) = &mut all {
            all.insert("cluster".to_owned(), json!(cluster));
            all.insert("clusters".to_owned(), json!(clusters));
            all.insert("machines".to_owned(), json!(machines));
        }
        return json_to(out, &all);
    }
    let (record, described) = (&lab.record, &lab.described);
    writeln!(
        out,
        "{}: {} lab, {} cluster, up for {} (keeper {})\n",
        record.name,
        described.provider,
        described.cluster,
        age(record.created_at),
        record.owner.pid,
    )?;
    let heading = ["MACHINE", "KIND", "NODE", "ADDRESS"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(rows(lab).map(<[String; 4]>::into)).collect();
    Ok(out.write_all(table(&rows).as_bytes())?)
}

/// Name, kind, node and address of every machine.
fn rows(lab: &Lab) -> impl Iterator<Item = [String; 4]> {
    lab.described.machines().into_iter().map(|found| {
        let cluster = &lab.described.clusters[found.cluster];
        let machine = &cluster.machines[found.machine];
        let node = machine.node.and_then(|index| cluster.machines.get(index));
        let (kind, node) = match &machine.kind {
            PlaceKind::Node => ("node".to_owned(), String::new()),
            PlaceKind::Outside => ("outside".to_owned(), String::new()),
            PlaceKind::Pod { namespace } => {
                (format!("pod of {namespace}"), node.map(|node| node.name.clone()).unwrap_or_default())
            }
        };
        let address = machine.address.map(|address| address.to_string());
        [found.name, kind, node, address.unwrap_or_default()]
    })
}

fn age(since: Timestamp) -> String {
    let seconds = Timestamp::now().duration_since(since).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

fn json_to(out: &mut dyn Write, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Output(error.into()))?;
    Ok(writeln!(out, "{text}")?)
}
