//! Compares the facts of distros.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    fact::{Fact, facts},
    relevance::relevance,
};
use crate::{
    diagnose::evidence::{Area, Evidence},
    model::{Difference, Relevance, report::Cause},
};

/// What differs between the distros of this evidence, the most relevant first. The causes are those of the failing
/// distros. Machines of one distro that differ among each other show all of their values. `scenario` is whose
/// machines they are.
#[must_use]
pub fn differences(evidence: &[Evidence], causes: &[&Cause], scenario: Option<&str>) -> Vec<Difference> {
    let distros: BTreeSet<&str> = evidence.iter().map(|one| one.distro.as_str()).collect();
    let mut all: BTreeMap<(Area, String), BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    for one in evidence {
        for fact in facts(one) {
            let values = all.entry((fact.area, fact.item)).or_default();
            values.entry(one.distro.as_str()).or_default().insert(fact.value);
        }
    }
    let mut differences: Vec<(Relevance, Difference)> = all
        .into_iter()
        .filter(|(_, values)| differ(values, distros.len()))
        .map(|((area, item), values)| {
            let values: BTreeMap<String, String> = values
                .into_iter()
                .map(|(distro, values)| (distro.to_owned(), values.into_iter().collect::<Vec<_>>().join(" or ")))
                .collect();
            let fact = Fact { area, item, value: String::new() };
            let relevance = relevance(&fact, causes);
            let difference = Difference {
                area: area.to_string(),
                item: fact.item,
                values,
                relevance,
                scenario: scenario.map(str::to_owned),
            };
            (relevance, difference)
        })
        .collect();
    // The most relevant first; within that the parts of the system in their own order.
    differences.sort_by_key(|(relevance, _)| *relevance);
    differences.into_iter().map(|(_, difference)| difference).collect()
}

fn differ(values: &BTreeMap<&str, BTreeSet<String>>, distros: usize) -> bool {
    let mut sets = values.values();
    let first = sets.next();
    values.len() < distros || sets.any(|set| Some(set) != first)
}

#[cfg(test)]
mod tests {
    use super::{Area, Cause, Evidence, differences};
    use crate::{
        diagnose::evidence::Collected,
        model::{Relevance, report::CauseKind},
    };

    fn evidence(distro: &str, items: &[(Area, &str, &str)]) -> Evidence {
        let collected = items.iter().map(|(area, name, text)| Collected {
            area: *area,
            name: (*name).to_owned(),
            path: format!("{area}/{name}.txt"),
            command: (*name).to_owned(),
            status: Some(0),
            text: (*text).to_owned(),
            redacted: 0,
        });
        Evidence { machine: "node-1".to_owned(), distro: distro.to_owned(), collected: collected.collect() }
    }

    #[test]
    fn the_owner_of_the_cause_is_on_top_and_logs_have_rows() {
        let rhel = evidence(
            "rhel-9.5",
            &[
                (Area::Firewalld, "state", "running\n"),
                (Area::Firewalld, "zones", "public (active)\n  target: default\n  interfaces: \n  services: ssh\n"),
                (Area::Sysctl, "net", "net.ipv4.conf.all.rp_filter = 1\nnet.ipv4.conf.cali1a2b.forwarding = 1\n"),
                (Area::Versions, "kernel", "Linux 5.14.0\n"),
                (Area::Logs, "calico-node", &"line\nE0423 an error\n".repeat(500)),
            ],
        );
        let ubuntu = evidence(
            "ubuntu-22.04",
            &[
                (Area::Sysctl, "net", "net.ipv4.conf.all.rp_filter = 2\nnet.ipv4.conf.cali9z8y.forwarding = 1\n"),
                (Area::Versions, "kernel", "Linux 5.15.0\n"),
                (Area::Logs, "calico-node", &"line\n".repeat(20)),
            ],
        );
        let cause = Cause {
            kind: CauseKind::FirewallReject,
            table: Some("inet firewalld".to_owned()),
            chain: Some("filter_FWD_public".to_owned()),
            rule: Some("reject with icmpx admin-prohibited".to_owned()),
            owner: Some("firewalld zone public".to_owned()),
            summary: String::new(),
        };
        let found = differences(&[rhel, ubuntu], &[&cause], None);
        let of = |item: &str| found.iter().find(|one| one.item == item).unwrap_or_else(|| panic!("{item}: {found:#?}"));
        assert_eq!(found[0].area, "firewalld");
        assert_eq!(of("zone public: interfaces").relevance, Relevance::Cause);
        assert_eq!(of("zone public: interfaces").values["rhel-9.5"], "nothing");
        assert_eq!(of("state").values["ubuntu-22.04"], "not running");
        assert_eq!(of("net.ipv4.conf.all.rp_filter").relevance, Relevance::Likely);
        assert_eq!(of("calico-node: lines of log").values["rhel-9.5"], "1000");
        assert_eq!(of("calico-node: errors in the log").values["ubuntu-22.04"], "0");
        assert_eq!(of("kernel").relevance, Relevance::Background);
        assert!(found.iter().all(|one| one.item != "net.ipv4.conf.cali*.forwarding"), "{found:#?}");
    }
}
