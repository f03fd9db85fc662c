//! `lab explain CASE`: the packet's way and the rule that ended it, for one case on demand.

use std::{fmt::Write as _, io::Write, sync::Arc};

use miette::Diagnostic;

use super::{
    args::{ExplainArgs, SelectionArgs},
    exit::Exit,
    failure::Failure,
    lab_args::LabArgs,
    labs::{Asked, open},
    run::{OfWhole, PHASE_LIMIT, check, in_kept_lab, in_lab},
    select::select,
    wait::wait,
};
use crate::{
    model::{ClusterKind, PacketWay, ProviderKind, WayStep, WayVerdict, report::CaseReport},
    plan::AS_INSTALLED,
    run::{Explain, RunOptions},
};

/// A case name that fits nothing.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum ExplainError {
    #[error("`{0}` is no case name; expected SCENARIO::DISTRO::as-installed|REMEDY::FROM-to-TARGET")]
    #[diagnostic(help("`lab plan` prints the names of all cases"))]
    Name(String),
    #[error("there is no case `{case}`")]
    Unknown {
        case: String,
        #[help]
        help: String,
    },
}

/// Builds the one cluster that the case needs, traces its packets, and tells their way.
pub fn run(args: &ExplainArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let parts: Vec<&str> = args.case.splitn(4, "::").collect();
    let [scenario, distro, state, _] = parts.as_slice() else {
        return Err(Failure::input(ExplainError::Name(args.case.clone())));
    };
    let remedy = if *state == AS_INSTALLED { "none" } else { *state };
    let selection = SelectionArgs {
        distros: vec![(*distro).to_owned()],
        scenarios: vec![args.scenario.clone().unwrap_or_else(|| (*scenario).to_owned())],
        lab: LabArgs {
            kube_bin: args.kube_bin.clone(),
            ..LabArgs::of(ProviderKind::Netns, Some(args.cluster.unwrap_or(ClusterKind::Dataplane)))
        },
        remedies: vec![remedy.to_owned()],
        filters: Vec::new(),
        shard: None,
        times: None,
    };
    let lab = args.lab.as_deref().map(|name| wait(open(name))).transpose()?.transpose()?;
    let mut selected = lab.as_ref().map_or_else(|| select(&selection), Asked::still)?;
    let state = format!("{scenario}::{distro}::{state}");
    let wanted = selected.plan.clusters.iter().position(|cluster| cluster.id() == state);
    let known = |index: &usize| selected.plan.clusters[*index].cases.iter().any(|case| case.id == args.case);
    let Some(index) = wanted.filter(known) else {
        let names = selected.plan.cases().map(|case| case.id.as_str());
        let help = crate::suggest::help(&args.case, names);
        return Err(Failure::input(ExplainError::Unknown { case: args.case.clone(), help }));
    };
    let mut cluster = selected.plan.clusters.swap_remove(index);
    // The other paths stay: what they say (does the service answer?) is part of the explanation.
    cluster.cases.sort_by_key(|case| case.id != args.case);
    selected.plan.clusters = vec![cluster];
    check(&selected)?;
    let options = RunOptions {
        id: "explain".to_owned(),
        command: std::env::args().collect(),
        retries: 0,
        explain: Explain::Only(args.case.clone()),
        evidence: false,
        jobs: 1,
        phase_limit: PHASE_LIMIT,
        run_limit: None,
        events: Arc::default(),
    };
    let finished = match &lab {
        None => in_lab(&selected, &selection.lab, &options, OfWhole::default())?,
        Some(lab) => in_kept_lab(&selected.plan, lab, &options)?,
    };
    let Some(case) = finished.report.cases.iter().find(|case| case.id == args.case) else {
        return Ok(Exit::LabBroken);
    };
    let way = finished.explanations.iter().find(|explained| explained.case == args.case);
    out.write_all(text(case, way.map(|explained| &explained.way)).as_bytes())?;
    Ok(match (finished.interrupted, way) {
        (true, _) => Exit::Interrupted,
        (false, Some(_)) => Exit::AsExpected,
        (false, None) => Exit::LabBroken,
    })
}

fn text(case: &CaseReport, way: Option<&PacketWay>) -> String {
    let mut text = format!("{}\n  {}, expected {}: {}\n", case.id, case.outcome, case.expected, case.detail);
    if let Some(cause) = &case.cause {
        line(&mut text, &format!("\nCause: {}\n  {}", cause.kind, cause.summary));
        let place =
            [cause.table.as_deref(), cause.chain.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        for (name, value) in [("place", Some(place)), ("rule", cause.rule.clone()), ("owner", cause.owner.clone())] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                line(&mut text, &format!("  {name:<6} {value}"));
            }
        }
    }
    match way {
        Some(way) => write_way(&mut text, way),
        None => line(&mut text, "\nIts packets could not be traced."),
    }
    text
}

fn write_way(text: &mut String, way: &PacketWay) {
    line(text, "\nThe packet's way:");
    let mut station = String::new();
    for step in &way.steps {
        let here = heading(step);
        if here != station {
            line(text, &format!("  {here}"));
            station = here;
        }
        let place = [step.table.as_deref(), step.chain.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let what = [Some(place), step.rule.clone(), step.note.clone()];
        let what: Vec<String> = what.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        if what.is_empty() && step.verdict == WayVerdict::Continue {
            continue;
        }
        let mark = if step.verdict.ends() { "X" } else { " " };
        let verdict = if step.verdict == WayVerdict::Continue { "" } else { step.verdict.as_str() };
        line(text, format!("  {mark}   {verdict:<9} {}", what.join(": ")).trim_end());
    }
}

fn heading(step: &WayStep) -> String {
    let mut heading = format!("{} {}, {}", step.machine, step.stage, step.direction);
    for (word, interface) in [("in", &step.interface_in), ("out", &step.interface_out)] {
        if let Some(interface) = interface {
            write!(heading, ", {word} {interface}").expect("a String takes everything");
        }
    }
    heading
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
