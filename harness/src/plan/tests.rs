//! Properties of every plan, on the shipped catalogue.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

use camino::Utf8Path;
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof},
    prop_assert, prop_assert_eq, proptest,
    sample::{select, subsequence},
};

use super::{Division, Plan, PlanError, Remedies, Selection, Shard, Times, plan, render};
use crate::catalog::{
    Catalog,
    distro::Distro,
    scenario::{Nodes, Scenario},
};

const FILTERS: [&str; 7] = ["::", "pod", "rhel", "as-installed", "pod-to-pod-ip", "trusted", "outside-to"];
const REMEDIES: [&str; 3] = ["trusted-source", "trusted-interface", "firewalld-off"];

static SHIPPED: LazyLock<(Catalog, Arc<Scenario>)> = LazyLock::new(|| {
    let root = Utf8Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut catalog = Catalog::load(root).expect("the shipped distros are right");
    let seed = catalog.scenario("pod-ip-502").expect("the shipped scenario is right");
    (catalog, seed)
});

pub(super) fn seed() -> Arc<Scenario> {
    Arc::clone(&SHIPPED.1)
}

pub(super) fn distro(name: &str) -> Arc<Distro> {
    Arc::clone(SHIPPED.0.distros().named(name).expect("shipped"))
}

fn ids(plan: &Plan) -> Vec<String> {
    plan.cases().map(|case| case.id.clone()).collect()
}

fn ids_of(selection: &Selection) -> Vec<String> {
    plan(&[seed()], selection).map(|plan| ids(&plan)).unwrap_or_default()
}

fn selections() -> impl Strategy<Value = Selection> {
    let distros = subsequence(SHIPPED.0.distros().all().to_vec(), 0..4);
    let remedies = prop_oneof![
        Just(Remedies::All),
        Just(Remedies::None),
        subsequence(REMEDIES.map(str::to_owned).to_vec(), 1..=3).prop_map(Remedies::Ids),
    ];
    let filters = vec(select(FILTERS.map(str::to_owned).to_vec()), 0..3);
    (distros, remedies, filters).prop_map(|(distros, remedies, filters)| Selection { distros, remedies, filters })
}

proptest! {
    // A failure is printed with its minimal input; no file of them is kept.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ids_are_unique(selection in selections()) {
        let ids = ids_of(&selection);
        prop_assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        prop_assert!(!ids.is_empty() || !selection.filters.is_empty());
    }

    #[test]
    fn shards_part_the_plan(selection in selections(), count in 1_u32..9) {
        let whole = plan(&[seed()], &selection).unwrap_or_default();
        let division = Division::of(&whole, count, &Times::new());
        let all = ids(&whole);
        let (mut parts, mut places, mut not_applicable) = (Vec::new(), Vec::new(), 0);
        for number in 1..=count {
            let shard = Shard::new(number, count).expect("in range");
            let part = division.part(&whole, shard);
            let report = division.report(shard);
            let named: Vec<String> = report.places.iter().map(|place| all[*place].clone()).collect();
            prop_assert_eq!(&ids(&part), &named);
            prop_assert!(part.clusters.iter().all(|cluster| !cluster.cases.is_empty()));
            parts.extend(named);
            places.extend(report.places);
            not_applicable += part.not_applicable.len();
        }
        places.sort_unstable();
        prop_assert_eq!(places, (0..all.len()).collect::<Vec<_>>());
        prop_assert_eq!(parts.into_iter().collect::<HashSet<_>>(), all.into_iter().collect::<HashSet<_>>());
        prop_assert_eq!(not_applicable, whole.not_applicable.len());
    }

    #[test]
    fn one_more_filter_never_takes_away(selection in selections(), more in select(FILTERS.to_vec()), first in any::<bool>()) {
        let mut filters = selection.filters.clone();
        filters.insert(if first { 0 } else { filters.len() }, more.to_owned());
        let wider = ids_of(&Selection { filters, ..selection.clone() });
        if selection.filters.is_empty() {
            prop_assert!(wider.iter().all(|id| id.contains(more)));
        } else {
            let wider: HashSet<_> = wider.into_iter().collect();
            prop_assert!(ids_of(&selection).iter().all(|id| wider.contains(id)));
        }
    }

    #[test]
    fn no_cluster_is_empty_and_cases_carry_its_id(selection in selections()) {
        let plan = plan(&[seed()], &selection).unwrap_or_default();
        for cluster in &plan.clusters {
            prop_assert!(!cluster.cases.is_empty());
            let prefix = format!("{}::", cluster.id());
            prop_assert!(cluster.cases.iter().all(|case| case.id.starts_with(&prefix)));
        }
    }
}

#[test]
fn the_seed_plan_is_the_documented_one() {
    let whole = plan(&[seed(), seed()], &Selection::default()).expect("a plan");
    let clusters: Vec<String> = whole.clusters.iter().map(super::ClusterPlan::id).collect();
    assert_eq!(
        clusters,
        [
            "pod-ip-502::rhel-9.5::as-installed",
            "pod-ip-502::rhel-9.5::trusted-source",
            "pod-ip-502::rhel-9.5::trusted-interface",
            "pod-ip-502::rhel-9.5::firewalld-off",
            "pod-ip-502::rhel-9.5::masquerade-public",
            "pod-ip-502::rhel-9.5::iptables-forward-accept",
            "pod-ip-502::ubuntu-22.04::as-installed",
        ]
    );
    assert_eq!(whole.not_applicable.len(), 5);
    assert!(ids(&whole).contains(&"pod-ip-502::rhel-9.5::as-installed::pod-to-pod-ip".to_owned()));
}

#[test]
fn a_filter_that_fits_nothing_is_an_error() {
    let selection = Selection { filters: vec!["pod-to-mars".to_owned()], ..Selection::default() };
    let error = plan(&[seed()], &selection).expect_err("no case");
    assert_eq!(error.to_string(), "no case is selected: no case's name holds `pod-to-mars`");
}

#[test]
fn an_unknown_remedy_is_an_error_with_advice() {
    let remedies = Remedies::Ids(vec!["trusted-sorce".to_owned()]);
    let error = plan(&[seed()], &Selection { remedies, ..Selection::default() }).expect_err("no such remedy");
    let PlanError::UnknownRemedy { help, .. } = error else { panic!("{error}") };
    assert!(help.starts_with("did you mean `trusted-source`?"), "{help}");
}

#[test]
fn one_id_from_two_folders_is_an_error() {
    let other = Arc::new(Scenario { dir: "/elsewhere/pod-ip-502".into(), ..(*seed()).clone() });
    let error = plan(&[seed(), other], &Selection::default()).expect_err("two of one name");
    assert!(matches!(error, PlanError::SameId { .. }), "{error}");
}

#[test]
fn a_mixed_cluster_is_planned_once_under_its_own_name() {
    let nodes = Nodes::Mixed(vec![distro("rhel"), distro("ubuntu")]);
    let mixed = Arc::new(Scenario { nodes, distros: vec![distro("rhel")], ..(*seed()).clone() });
    let select = |names: &[&str]| Selection {
        distros: names.iter().map(|name| distro(name)).collect(),
        remedies: Remedies::None,
        ..Selection::default()
    };
    let planned = plan(&[Arc::clone(&mixed)], &select(&["ubuntu"])).expect("a machine of it is ubuntu");
    assert_eq!(planned.clusters.len(), 1);
    let machines: Vec<&str> = planned.clusters[0].machines.iter().map(|machine| machine.id.as_str()).collect();
    assert_eq!(machines, ["rhel-9.5", "ubuntu-22.04"]);
    let error = plan(&[mixed], &select(&["debian"])).expect_err("no machine is debian");
    assert_eq!(error.to_string(), "no case is selected: no selected scenario has a machine of debian-12");
}

#[test]
fn the_plan_reads_well() {
    let remedies = Remedies::Ids(vec!["trusted-source".to_owned()]);
    let filters = vec!["pod-to".to_owned()];
    let plan = plan(&[seed()], &Selection { remedies, filters, ..Selection::default() }).expect("a plan");
    insta::assert_snapshot!(render::text(&plan), @r"
    pod-ip-502::rhel-9.5::as-installed  (1 machine, 2 cases)
      pod-to-service  ok
      pod-to-pod-ip   ok, known rejected (canonical/microk8s#4903)

    pod-ip-502::rhel-9.5::trusted-source  (1 machine, 2 cases)
      pod-to-service  ok
      pod-to-pod-ip   ok

    pod-ip-502::ubuntu-22.04::as-installed  (1 machine, 2 cases)
      pod-to-service  ok
      pod-to-pod-ip   ok

    not applicable
      pod-ip-502::ubuntu-22.04::trusted-source  is for hosts with firewalld

    6 cases in 3 clusters: 1 scenario, 2 distros
    ");
    insta::assert_snapshot!(serde_json::to_string_pretty(&render::cases(&plan)[0]).expect("JSON"), @r#"
    {
      "id": "pod-ip-502::rhel-9.5::as-installed::pod-to-service",
      "scenario": "pod-ip-502",
      "distro": "rhel-9.5",
      "remedy": null,
      "from": "pod",
      "to": "service",
      "protocol": "http",
      "payload": "small",
      "family": "ipv4",
      "expected": "ok"
    }
    "#);
}
