//! Dividing a plan among machines: what belongs together stays together, each part takes about the same time, and a
//! part keeps what it has when something else comes or goes. Pure, so that every machine divides alike.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use sha2::{Digest, Sha256};

use super::{Case, ClusterPlan, Plan, Shard};
use crate::{
    hex,
    model::{AccessPath, report::ShardReport},
};

/// What a cluster takes at least, in milliseconds, where nothing is recorded: firewalls, pods, one look.
const BUILD: u64 = 3_000;

/// What one case adds to that, in milliseconds.
const PROBE: u64 = 15;

/// How far above the mean a part may be filled while its own clusters are placed, in hundredths.
const ROOM: u64 = 105;

/// Splitting what belongs together costs a cluster more: it must make the longest part this much shorter, in hundredths.
const WORTH: u64 = 90;

/// How long clusters took, in milliseconds, by id.
pub type Times = BTreeMap<String, u64>;

/// Which part each case of a plan is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    count: u32,
    /// Part of each case, counted from 0, in the order of the plan.
    parts: Vec<usize>,
    /// What each part is expected to take, in milliseconds.
    pub loads: Vec<u64>,
    digest: String,
}

/// A scenario on a distro with all of its states: remedies are compared with as installed, so they stay together.
struct Unit<'a> {
    key: String,
    clusters: Vec<&'a ClusterPlan>,
    paths: Vec<AccessPath>,
}

/// A unit, or some of its paths.
struct Piece {
    unit: usize,
    /// Which of how many pieces of the unit, counted from 0.
    slice: (usize, usize),
    key: String,
    weight: u64,
}

impl Division {
    /// Divides a plan. All machines must use the same plan, count and times.
    #[must_use]
    pub fn of(plan: &Plan, count: u32, times: &Times) -> Self {
        let units = units(plan);
        let shards = usize::try_from(count.max(1)).unwrap_or(usize::MAX);
        let weights: Vec<u64> = units.iter().map(|unit| unit.weight(times, (0, 1))).collect();
        let mean = weights.iter().sum::<u64>().div_ceil(shards as u64).max(1);
        let cut = |limit: Option<u64>| {
            let slices = weights.iter().zip(&units).map(|(weight, unit)| slices(*weight, limit, unit.paths.len()));
            let pieces: Vec<Piece> =
                slices.enumerate().flat_map(|(index, count)| units[index].pieces(index, count, times)).collect();
            place(pieces, shards)
        };
        let mut best = cut(None);
        for limit in [mean, mean.div_ceil(2), mean.div_ceil(4)] {
            let other = cut(Some(limit));
            if longest(&other.1) * 100 < longest(&best.1) * WORTH {
                best = other;
            }
        }
        Self::from_places(plan, &units, count, best)
    }

    fn from_places(
        plan: &Plan,
        units: &[Unit<'_>],
        count: u32,
        (places, loads): (Vec<(Piece, usize)>, Vec<u64>),
    ) -> Self {
        let place: HashMap<(usize, usize), (usize, usize)> =
            places.iter().map(|(piece, part)| ((piece.unit, piece.slice.0), (*part, piece.slice.1))).collect();
        let index: HashMap<&str, usize> = units.iter().enumerate().map(|(at, unit)| (unit.key.as_str(), at)).collect();
        let mut parts = Vec::new();
        let mut digest = Sha256::new();
        for cluster in &plan.clusters {
            let at = index[unit_key(cluster).as_str()];
            for case in &cluster.cases {
                let slices = place[&(at, 0)].1;
                let part = place[&(at, units[at].slice(case, slices))].0;
                digest.update(format!("{} {part}\n", case.id));
                parts.push(part);
            }
        }
        let digest = hex::of(digest.finalize());
        Self { count, parts, loads, digest }
    }

    /// The part of the plan that a shard has.
    #[must_use]
    pub fn part(&self, plan: &Plan, shard: Shard) -> Plan {
        let mut parts = self.parts.iter();
        let mut mine = Plan::default();
        for cluster in &plan.clusters {
            let own = |_: &&Case| parts.next().is_some_and(|part| *part == shard.index());
            let cases: Vec<Case> = cluster.cases.iter().filter(own).cloned().collect();
            if !cases.is_empty() {
                mine.clusters.push(ClusterPlan { cases, ..cluster.clone() });
            }
        }
        // Told once: by the part that has the first case of that scenario and distro.
        let first = |scenario: &str, distro: &str| {
            let mut all = plan.clusters.iter().flat_map(|cluster| cluster.cases.iter().map(move |_| cluster));
            all.position(|cluster| cluster.scenario.id == scenario && cluster.distro.id == distro)
        };
        let told = plan
            .not_applicable
            .iter()
            .filter(|not| first(&not.scenario, &not.distro).map_or(0, |place| self.parts[place]) == shard.index());
        mine.not_applicable = told.cloned().collect();
        mine
    }

    /// What a report says of the shard that it is of.
    #[must_use]
    pub fn report(&self, shard: Shard) -> ShardReport {
        let own = self.parts.iter().enumerate().filter(|(_, part)| **part == shard.index());
        ShardReport {
            number: shard.number(),
            count: self.count,
            division: self.digest.clone(),
            total: self.parts.len(),
            places: own.map(|(place, _)| place).collect(),
        }
    }
}

impl Unit<'_> {
    /// Which of so many slices a case is in: a path is in the same one in every state.
    fn slice(&self, case: &Case, slices: usize) -> usize {
        self.paths.iter().position(|path| *path == case.spec.path).unwrap_or(0) % slices
    }

    fn weight(&self, times: &Times, (slice, slices): (usize, usize)) -> u64 {
        let one = |cluster: &&ClusterPlan| {
            let cases = cluster.cases.iter();
            let own = cases.filter(|case| self.slice(case, slices) == slice).count() as u64;
            let all = cluster.cases.len() as u64;
            let whole = times.get(&cluster.id()).copied().unwrap_or(BUILD + PROBE * all);
            // Building it takes as long for one case as for all.
            if own == 0 { 0 } else { whole.saturating_sub(PROBE * (all - own)).max(1) }
        };
        self.clusters.iter().map(one).sum()
    }

    fn pieces(&self, unit: usize, count: usize, times: &Times) -> Vec<Piece> {
        let piece = |slice| Piece {
            unit,
            slice: (slice, count),
            key: format!("{}/{slice}", self.key),
            weight: self.weight(times, (slice, count)),
        };
        (0..count).map(piece).collect()
    }
}

fn unit_key(cluster: &ClusterPlan) -> String {
    format!("{}::{}", cluster.scenario.id, cluster.distro.id)
}

fn units(plan: &Plan) -> Vec<Unit<'_>> {
    let mut units: Vec<Unit<'_>> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for cluster in &plan.clusters {
        let at = *index.entry(unit_key(cluster)).or_insert_with_key(|key| {
            units.push(Unit { key: key.clone(), clusters: Vec::new(), paths: Vec::new() });
            units.len() - 1
        });
        units[at].clusters.push(cluster);
        for case in &cluster.cases {
            if !units[at].paths.contains(&case.spec.path) {
                units[at].paths.push(case.spec.path);
            }
        }
    }
    units
}

/// Into how many pieces a unit is cut so that none is above the limit, if there are paths enough.
fn slices(weight: u64, limit: Option<u64>, paths: usize) -> usize {
    let wanted = limit.map_or(1, |limit| weight.div_ceil(limit));
    usize::try_from(wanted).unwrap_or(usize::MAX).clamp(1, paths.max(1))
}

/// Gives each piece a part: the heavy ones first, each to the part that its own hash prefers among those with room.
fn place(mut pieces: Vec<Piece>, shards: usize) -> (Vec<(Piece, usize)>, Vec<u64>) {
    let total: u64 = pieces.iter().map(|piece| piece.weight).sum();
    let room = (total * ROOM).div_ceil(100 * shards as u64);
    pieces.sort_by(|one, other| (Reverse(one.weight), &one.key).cmp(&(Reverse(other.weight), &other.key)));
    let mut loads = vec![0_u64; shards];
    let placed = pieces.into_iter().map(|piece| {
        let fits = (0..shards).filter(|part| loads[*part] + piece.weight <= room);
        let preferred = fits.max_by_key(|part| preference(&piece.key, *part));
        let part = preferred.or_else(|| (0..shards).min_by_key(|part| (loads[*part], *part))).unwrap_or(0);
        loads[part] += piece.weight;
        (piece, part)
    });
    let placed = placed.collect();
    (placed, loads)
}

/// How much a piece is drawn to a part: the same whatever else there is.
fn preference(key: &str, part: usize) -> u64 {
    let digest = Sha256::digest(format!("{key} {part}"));
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

fn longest(loads: &[u64]) -> u64 {
    loads.iter().copied().max().unwrap_or_default()
}
