//! What of a remedy is said, by what was seen with it.

use camino::Utf8Path;
use lab_agent::protocol::ProbeResult;

use super::assemble::{Ending, remedies};
use crate::{
    catalog::Catalog,
    model::{Outcome, RemedyVerdict, report::RemedyReport},
    plan::{ClusterPlan, Plan, Remedies, Selection, plan},
    run::observation::{CaseObservation, Moment, Observation, Try},
};

/// RHEL as installed, and with the remedy that is recommended.
fn seed() -> Plan {
    let root = Utf8Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut catalog = Catalog::load(root).expect("the shipped distros are right");
    let seed = catalog.scenario("pod-ip-502").expect("the shipped scenario is right");
    let rhel = catalog.distros().named("rhel").expect("shipped").clone();
    let remedies = Remedies::Ids(vec!["trusted-source".to_owned()]);
    plan(&[seed], &Selection { distros: vec![rhel], remedies, filters: Vec::new() }).expect("a plan")
}

/// A cluster whose paths ended so.
fn seen(cluster: &ClusterPlan, outcome: impl Fn(&str, Moment) -> Option<Outcome>) -> Ending {
    let case = |id: &str| {
        let one = |moment| {
            let outcome = outcome(id.rsplit("::").next().unwrap_or_default(), moment)?;
            let result = ProbeResult {
                id: 0,
                outcome,
                detail: String::new(),
                duration_us: 1,
                source_ip: None,
                local_addr: None,
                peer_addr: None,
                backend: None,
                backends: [].into(),
            };
            Some(Try { moment, result })
        };
        let tries = [Moment::Probe, Moment::AfterReload, Moment::AfterReboot].into_iter().filter_map(one).collect();
        CaseObservation { tries, ..CaseObservation::default() }
    };
    let cases = cluster.cases.iter().map(|one| case(&one.id)).collect();
    Ending::Seen(Box::new(Observation { cases, ..Observation::default() }))
}

/// What is said of the remedy when its cluster showed this.
fn said(with: impl Fn(&str, Moment) -> Option<Outcome>) -> RemedyReport {
    let plan = seed();
    let [installed, remedied] = plan.clusters.as_slice() else { panic!("two clusters") };
    let fails = |path: &str| ["pod-to-pod-ip", "ingress-to-pod-ip", "outside-to-ingress"].contains(&path);
    let before = seen(installed, |path, _| Some(if fails(path) { Outcome::Rejected } else { Outcome::Ok }));
    let endings = [before, seen(remedied, with)];
    remedies(&plan, &endings).into_iter().find(|one| one.id == "trusted-source").expect("a remedy")
}

#[test]
fn what_works_is_judged_by_all_moments() {
    let all = said(|_, _| Some(Outcome::Ok));
    assert_eq!((all.verdict, all.fixed, all.still_failing), (RemedyVerdict::Fixes, 3, 0));
    assert_eq!((all.expected_verdict, all.survives_reboot), (Some(RemedyVerdict::Fixes), Some(true)));
    let lost = said(|_, moment| Some(if moment == Moment::AfterReboot { Outcome::Rejected } else { Outcome::Ok }));
    assert_eq!((lost.survives_reload, lost.survives_reboot), (true, Some(false)), "{lost:?}");
}

#[test]
fn what_the_lab_could_not_do_is_nothing_that_a_remedy_did() {
    let one = said(|path, _| Some(if path == "node-to-service" { Outcome::Error } else { Outcome::Ok }));
    assert_eq!((one.verdict, one.fixed, one.still_failing, one.expected_verdict), (RemedyVerdict::Fixes, 3, 0, None));
    let untried = said(|path, _| (path != "node-to-service").then_some(Outcome::Ok));
    assert_eq!((untried.verdict, untried.expected_verdict), (RemedyVerdict::Fixes, None), "{untried:?}");
    let later = said(|path, moment| {
        let lost = path == "node-to-service" && moment == Moment::AfterReload;
        Some(if lost { Outcome::Error } else { Outcome::Ok })
    });
    assert_eq!((later.verdict, later.survives_reload), (RemedyVerdict::Fixes, false), "{later:?}");
    assert_eq!(later.detail, "node-to-service could not be tried after a firewall reload");
}

#[test]
fn a_remedy_of_which_nothing_was_seen_says_so_and_nothing_else() {
    let nothing = said(|_, _| Some(Outcome::Error));
    assert_eq!((nothing.verdict, nothing.fixed, nothing.expected_verdict), (RemedyVerdict::NoEffect, 0, None));
    assert_eq!(nothing.detail, "nothing was seen of its paths, as installed or with it");
    assert!(nothing.opens.is_empty() && nothing.closes.is_empty() && !nothing.is_changed(), "{nothing:?}");
}
