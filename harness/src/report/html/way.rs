//! The way of a packet: as a picture, and as a list for those who do not see it.

use super::picture::{self, Shape};
use crate::{
    model::{AccessPath, Direction, PacketWay, WayStep, WayVerdict},
    report::text::clean,
};

/// A packet's way.
pub(super) struct WayView {
    pub(super) anchor: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) shapes: Vec<Shape>,
    pub(super) steps: Vec<StepView>,
}

/// One step of the list.
pub(super) struct StepView {
    pub(super) place: String,
    pub(super) rule: String,
    pub(super) verdict: &'static str,
    pub(super) ends: bool,
    pub(super) note: String,
}

/// Consecutive steps on one machine, in one direction, at one stage.
pub(super) struct Station<'a> {
    pub(super) machine: &'a str,
    pub(super) direction: Direction,
    pub(super) stage: &'a str,
    pub(super) steps: Vec<&'a WayStep>,
}

impl WayView {
    pub(super) fn of(way: &PacketWay, anchor: &str) -> Self {
        let stations = stations(way);
        let ends = access_path(&way.case);
        let picture = picture::draw(&stations, ends);
        let title = ends.map_or_else(|| "The packet's way".to_owned(), |path| format!("The packet's way: {path}"));
        Self {
            anchor: anchor.to_owned(),
            title,
            description: clean(&describe(&stations)).into_owned(),
            width: picture::WIDTH,
            height: picture.height,
            shapes: picture.shapes,
            steps: way.steps.iter().map(step).collect(),
        }
    }
}

impl Station<'_> {
    /// The step that ended the packet here.
    pub(super) fn end(&self) -> Option<&WayStep> {
        self.steps.iter().copied().find(|step| step.verdict.ends())
    }

    pub(super) fn interface_in(&self) -> Option<&str> {
        self.steps.iter().find_map(|step| step.interface_in.as_deref())
    }

    pub(super) fn interface_out(&self) -> Option<&str> {
        self.steps.iter().find_map(|step| step.interface_out.as_deref())
    }
}

fn stations(way: &PacketWay) -> Vec<Station<'_>> {
    let mut stations: Vec<Station<'_>> = Vec::new();
    for step in &way.steps {
        let same = |station: &&mut Station<'_>| {
            station.machine == step.machine && station.direction == step.direction && station.stage == step.stage
        };
        match stations.last_mut().filter(same) {
            Some(station) => station.steps.push(step),
            None => stations.push(Station {
                machine: &step.machine,
                direction: step.direction,
                stage: &step.stage,
                steps: vec![step],
            }),
        }
    }
    stations
}

/// The path that a case's id ends in.
fn access_path(case: &str) -> Option<AccessPath> {
    case.splitn(4, "::").nth(3)?.parse().ok()
}

/// One sentence that says what the picture shows.
fn describe(stations: &[Station<'_>]) -> String {
    let way: Vec<_> = stations.iter().map(|station| format!("{} on {}", station.stage, station.machine)).collect();
    let end = stations.iter().find_map(Station::end);
    let end =
        end.map_or_else(String::new, |step| format!(" It ends there: {} {}.", end_word(step.verdict), place(step)));
    format!("The packet passes {}.{end}", way.join(", "))
}

/// How a packet ended, for a person.
pub(super) const fn end_word(verdict: WayVerdict) -> &'static str {
    match verdict {
        WayVerdict::Drop => "dropped by",
        WayVerdict::Reject => "rejected by",
        WayVerdict::Lost => "last seen at",
        WayVerdict::Continue | WayVerdict::Accept | WayVerdict::Delivered => "passed",
    }
}

/// Table and chain, or the stage where there is none.
pub(super) fn place(step: &WayStep) -> String {
    let place: Vec<_> = [&step.table, &step.chain].into_iter().flatten().map(String::as_str).collect();
    if place.is_empty() { step.stage.clone() } else { place.join(" ") }
}

fn step(step: &WayStep) -> StepView {
    let machine = match step.direction {
        Direction::Request => step.machine.clone(),
        Direction::Reply => format!("{} (answer)", step.machine),
    };
    let interfaces: Vec<_> = [("in", &step.interface_in), ("out", &step.interface_out)]
        .into_iter()
        .filter_map(|(way, name)| Some(format!("{way} {}", name.as_deref()?)))
        .collect();
    let mut at = vec![machine, step.stage.clone()];
    if step.table.is_some() || step.chain.is_some() {
        at.push(place(step));
    }
    let note = [interfaces.join(", "), step.note.clone().unwrap_or_default()];
    let note: Vec<_> = note.into_iter().filter(|part| !part.is_empty()).collect();
    StepView {
        place: clean(&at.join(" · ")).into_owned(),
        rule: step.rule.as_deref().map(|rule| clean(rule).into_owned()).unwrap_or_default(),
        verdict: step.verdict.as_str(),
        ends: step.verdict.ends(),
        note: clean(&note.join("; ")).into_owned(),
    }
}
