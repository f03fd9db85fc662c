//! Simulated matrices, divided.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::{
    Case, ClusterPlan, Division, Plan, Shard, Times,
    tests::{distro, seed},
};
use crate::{
    catalog::scenario::{PathSpec, Scenario},
    model::{AccessPath, IpFamily, Payload, Protocol, Target, Vantage},
};

/// Numbers that look random and are the same at every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Every path that there is, over and over.
fn paths(count: usize) -> Vec<PathSpec> {
    let spec = seed().paths[0].clone();
    let mut paths = Vec::new();
    for &from in Vantage::ALL {
        for &to in Target::ALL {
            for &protocol in Protocol::ALL {
                let path = AccessPath { from, to, protocol, payload: Payload::Small, family: IpFamily::Ipv4 };
                paths.push(PathSpec { path, ..spec.clone() });
            }
        }
    }
    paths.truncate(count);
    paths
}

/// A scenario on a distro with this many states and paths.
fn unit(plan: &mut Plan, id: &str, distro_name: &str, states: usize, path_count: usize) {
    let scenario = Arc::new(Scenario { id: id.to_owned(), paths: paths(path_count), ..(*seed()).clone() });
    let distro = distro(distro_name);
    for state in 0..states {
        let remedy = (state > 0).then(|| {
            let mut remedy = scenario.remedies[0].clone();
            remedy.id = format!("remedy-{state}");
            remedy
        });
        let mut cluster = ClusterPlan {
            scenario: Arc::clone(&scenario),
            machines: vec![Arc::clone(&distro)],
            distro: Arc::clone(&distro),
            remedy,
            cases: Vec::new(),
        };
        let name = cluster.id();
        let case = |spec: &PathSpec| Case { id: format!("{name}::{}", spec.path), spec: spec.clone() };
        cluster.cases = scenario.paths.iter().map(case).collect();
        plan.clusters.push(cluster);
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).expect("small")
}

/// 10,000 cases or a few more, in scenarios of all sizes on three distros.
fn library() -> Plan {
    let (mut plan, mut chance) = (Plan::default(), Chance(7));
    for scenario in 0.. {
        for name in ["rhel", "ubuntu", "debian"] {
            let (states, paths) = (1 + chance.below(6), 4 + chance.below(36));
            unit(&mut plan, &format!("scenario-{scenario}"), name, size(states), size(paths));
        }
        if plan.cases().count() >= 10_000 {
            return plan;
        }
    }
    unreachable!("it grows")
}

/// Every cluster with a time of its own, from half a second to half a minute.
fn recorded(plan: &Plan) -> Times {
    let mut chance = Chance(11);
    plan.clusters.iter().map(|cluster| (cluster.id(), 500 + chance.below(5_000) * (1 + chance.below(6)))).collect()
}

/// The recorded times of what stays together: a scenario on a distro with all of its states.
fn units(plan: &Plan, times: &Times) -> Vec<u64> {
    let mut units = BTreeMap::new();
    for cluster in &plan.clusters {
        let time = times.get(&cluster.id()).copied().unwrap_or_default();
        *units.entry((&cluster.scenario.id, &cluster.distro.id)).or_insert(0) += time;
    }
    units.into_values().collect()
}

fn whole(plan: &Plan, division: &Division, count: u32) -> Vec<Vec<String>> {
    let part = |number| division.part(plan, Shard::new(number, count).expect("in range"));
    (1..=count).map(|number| part(number).cases().map(|case| case.id.clone()).collect()).collect()
}

#[test]
fn ten_thousand_cases_load_64_shards_evenly() {
    let plan = library();
    for times in [Times::new(), recorded(&plan)] {
        let division = Division::of(&plan, 64, &times);
        let mean = division.loads.iter().sum::<u64>() / 64;
        let least = *division.loads.iter().min().expect("64");
        assert!(least * 100 >= mean * 75, "{least} of {mean}");
        // Above it is only what belongs together and takes longer alone, and nothing is added to that.
        let above = |all: &[u64]| -> Vec<u64> {
            let mut above: Vec<u64> = all.iter().copied().filter(|time| time * 100 > mean * 112).collect();
            above.sort_unstable();
            above
        };
        assert_eq!(above(&division.loads), above(&units(&plan, &times)), "mean {mean}");
        let parts = whole(&plan, &division, 64);
        let all: Vec<&String> = parts.iter().flatten().collect();
        assert_eq!(all.len(), plan.cases().count(), "none is lost");
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "none is doubled");
    }
}

#[test]
fn a_shard_keeps_most_of_what_it_has_when_a_scenario_comes() {
    let before = library();
    let mut after = before.clone();
    unit(&mut after, "one-more", "rhel", 6, 30);
    let places = |plan: &Plan| -> Vec<(String, usize)> {
        let parts = whole(plan, &Division::of(plan, 8, &Times::new()), 8);
        let named = parts.into_iter().enumerate();
        named.flat_map(|(part, ids)| ids.into_iter().map(move |id| (id, part))).collect()
    };
    let after: HashSet<(String, usize)> = places(&after).into_iter().collect();
    let before = places(&before);
    let stay = before.iter().filter(|place| after.contains(*place)).count();
    assert!(stay * 100 >= before.len() * 90, "{stay} of {} stay", before.len());
}

#[test]
fn states_of_one_scenario_stay_together_unless_that_hurts() {
    let together = |plan: &Plan, count: u32| {
        whole(plan, &Division::of(plan, count, &Times::new()), count).iter().all(|ids| {
            let units: HashSet<String> = ids.iter().map(|id| id.splitn(3, "::").take(2).collect()).collect();
            let all = |unit: &String| {
                plan.cases().filter(|case| case.id.splitn(3, "::").take(2).collect::<String>() == *unit).count()
            };
            units.iter().map(all).sum::<usize>() == ids.len()
        })
    };
    let mut many = Plan::default();
    (0..12).for_each(|number| unit(&mut many, &format!("small-{number}"), "ubuntu", 3, 10));
    assert!(together(&many, 4));
    // One that alone takes longer than all others: its paths are divided, each with all of its states.
    let mut one = Plan::default();
    unit(&mut one, "large", "ubuntu", 4, 180);
    (0..3).for_each(|number| unit(&mut one, &format!("small-{number}"), "ubuntu", 1, 4));
    assert!(!together(&one, 3));
    for ids in whole(&one, &Division::of(&one, 3, &Times::new()), 3) {
        let of_state = |state: &str| -> HashSet<String> {
            let own = ids.iter().filter(|id| id.starts_with(&format!("large::ubuntu-22.04::{state}::")));
            own.filter_map(|id| id.rsplit("::").next().map(str::to_owned)).collect()
        };
        assert_eq!(of_state("as-installed"), of_state("remedy-3"));
    }
}

#[test]
fn the_division_has_a_name_that_times_change() {
    let plan = library();
    let shard = Shard::new(1, 8).expect("in range");
    let name = |times: &Times| Division::of(&plan, 8, times).report(shard).division;
    assert_eq!(name(&Times::new()), name(&Times::new()));
    assert_ne!(name(&Times::new()), name(&recorded(&plan)));
}
