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

    /// A scenario whose hosts differ from their distro's own policy says nothing where none of them does.
    fn without_point(&self) -> Option<String> {
        if self.scenario.conditions.is_empty() || self.conditions().next().is_some() {
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
