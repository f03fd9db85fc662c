//! Which clusters of a plan are worth making, and can be made, on a provider's machines.

use super::ClusterPlan;
use crate::{
    catalog::scenario::{Condition, Underlay},
    model::{IpFamily, ProviderKind},
};

impl ClusterPlan {
    /// The scenario's conditions that are for one of its machines.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let here = |condition: &&Condition| {
            (1..).zip(&self.machines).any(|(number, distro)| condition.applies(number, distro))
        };
        self.scenario.conditions.iter().filter(here)
    }

    /// Why it is not made on this provider's machines; none when it is.
    #[must_use]
    pub fn not_carried(&self, provider: ProviderKind) -> Option<String> {
        if let Some(reason) = self.scenario.lacking(provider) {
            return Some(format!("the {provider} lab cannot carry it: {reason}"));
        }
        self.without_point().or_else(|| match provider {
            ProviderKind::Netns | ProviderKind::Ssh => None,
            ProviderKind::Libvirt | ProviderKind::Multipass => self.not_on_virtual_machines(),
        })
    }

    /// A scenario whose hosts differ from their distro's own policy says nothing of other distros' hosts where none does.
    /// Of its own distros, those that do not differ are there to be compared with.
    fn without_point(&self) -> Option<String> {
        let own = self.scenario.distros.iter().any(|distro| distro.id == self.distro.id);
        if own || self.scenario.conditions.is_empty() || self.conditions().next().is_some() {
            return None;
        }
        let mut hosts: Vec<String> = self.scenario.conditions.iter().filter_map(Condition::hosts).collect();
        hosts.dedup();
        Some(format!("what it is about is not on {}: its conditions are for {}", self.distro.id, hosts.join("; ")))
    }

    fn not_on_virtual_machines(&self) -> Option<String> {
        if self.scenario.underlay != Underlay::default() {
            let reason = "it needs another network between the machines, and that of virtual machines stays as it is";
            return Some(reason.to_owned());
        }
        let ipv6 = self.scenario.paths.iter().any(|spec| spec.path.family == IpFamily::Ipv6);
        ipv6.then(|| "it needs IPv6 in the cluster, and MicroK8s is installed without".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use camino::Utf8Path;

    use crate::{
        catalog::{
            Catalog,
            distro::FirewallKind,
            scenario::{AppliesTo, Scenario, Underlay},
        },
        model::{IpFamily, ProviderKind},
        plan::{ClusterPlan, Selection, plan},
    };

    fn catalog() -> Catalog {
        let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        Catalog::load(root).expect("the shipped distros are right")
    }

    fn cluster(scenario: Scenario, distro: &str) -> ClusterPlan {
        let distros = vec![Arc::clone(catalog().distros().named(distro).expect(distro))];
        let selection = Selection { distros, ..Selection::default() };
        plan(&[Arc::new(scenario)], &selection).expect("a plan").clusters.swap_remove(0)
    }

    fn shipped(scenario: &str) -> Scenario {
        (*catalog().scenario(scenario).expect(scenario)).clone()
    }

    #[test]
    fn a_scenario_has_no_point_where_no_condition_is_for_a_host() {
        let reload = shipped("firewall-reload-flush");
        assert_eq!(cluster(reload.clone(), "centos").not_carried(ProviderKind::Netns), None);
        assert_eq!(
            cluster(reload.clone(), "ubuntu").not_carried(ProviderKind::Netns).as_deref(),
            Some("what it is about is not on ubuntu-22.04: its conditions are for hosts with firewalld")
        );
        let mut compared = reload.clone();
        compared.distros.push(Arc::clone(catalog().distros().named("ubuntu").expect("there")));
        assert_eq!(cluster(compared, "ubuntu").not_carried(ProviderKind::Netns), None);
        let mut one = reload;
        one.conditions[0].applies_to = Some(AppliesTo::Firewall(FirewallKind::Ufw));
        let one = cluster(one, "ubuntu");
        assert_eq!(one.not_carried(ProviderKind::Netns), None);
        assert_eq!(one.conditions().count(), 1);
        assert_eq!(cluster(shipped("pod-ip-502"), "ubuntu").not_carried(ProviderKind::Netns), None);
    }

    #[test]
    fn virtual_machines_have_their_own_network_and_no_ipv6() {
        let refused = |scenario: &Scenario, provider| cluster(scenario.clone(), "rhel").not_carried(provider);
        let plain = shipped("pod-ip-502");
        let slow = Scenario { underlay: Underlay { mtu: 1400, ..Underlay::default() }, ..plain.clone() };
        let mut dual = plain.clone();
        dual.paths[0].path.family = IpFamily::Ipv6;
        for provider in [ProviderKind::Libvirt, ProviderKind::Multipass] {
            assert_eq!(refused(&plain, provider), None);
            assert!(refused(&slow, provider).is_some_and(|reason| reason.contains("another network")));
            assert!(refused(&dual, provider).is_some_and(|reason| reason.contains("IPv6")));
        }
        assert_eq!(refused(&slow, ProviderKind::Netns).or(refused(&dual, ProviderKind::Netns)), None);
    }
}
