//! What is done to a cluster's hosts beside the cluster itself: their policy, and the lines of conditions and remedies.

use std::{collections::BTreeMap, sync::Arc};

use super::observation::{HostFacts, LifeError};
use crate::{
    catalog::{
        distro::{Distro, Policy},
        scenario::{Remedy, When},
    },
    cluster::Cluster,
    plan::ClusterPlan,
    policy::{self, HostKind},
    provider::{Command, Machine, MachineError},
};

/// The machines with their distros, counted from 1.
pub(super) fn machines<'a>(
    cluster: &'a dyn Cluster,
    plan: &'a ClusterPlan,
) -> impl Iterator<Item = (u8, &'a dyn Machine, &'a Arc<Distro>)> {
    (1..).zip(cluster.nodes()).zip(&plan.machines).map(|((number, machine), distro)| (number, &**machine, distro))
}

/// Makes the hosts what normal installations of their distros are. A whole machine is asked afterwards whether it is.
pub(super) async fn apply_policy(
    cluster: &dyn Cluster,
    plan: &ClusterPlan,
    kind: HostKind,
) -> Result<HostFacts, LifeError> {
    let mut facts = HostFacts::default();
    for (number, machine, distro) in machines(cluster, plan) {
        if let Some(firewall) = distro.policy.firewall.kind() {
            cluster.install_firewall(usize::from(number) - 1, firewall).await?;
        }
        let not_covered = policy::apply(machine, &distro.policy, kind).await?;
        facts.not_covered.entry(distro.id.clone()).or_default().extend(not_covered);
        if kind == HostKind::Whole {
            let found = policy::verify(machine, &distro.policy).await?;
            if !found.drift.is_empty() {
                let machine = machine.name().to_owned();
                return Err(LifeError::Drift { machine, distro: distro.id.clone(), drift: found.drift });
            }
            facts.verified.extend(found.holds.into_iter().map(|line| format!("{}: {line}", machine.name())));
        }
    }
    Ok(facts)
}

/// What of the hosts' firewalls is not as their distros' files say, one line each.
pub(super) async fn firewall_drift(cluster: &dyn Cluster, plan: &ClusterPlan) -> Result<Vec<String>, LifeError> {
    let mut drift = Vec::new();
    for (_, machine, distro) in machines(cluster, plan) {
        let policy = Policy { sysctls: BTreeMap::new(), ..distro.policy.clone() };
        let found = policy::verify(machine, &policy).await?;
        drift.extend(found.drift.into_iter().map(|line| format!("{}: {line}", machine.name())));
    }
    Ok(drift)
}

/// The machines, counted from 1, whose firewalls run and are to run again after a restart.
pub(super) async fn lasting_firewalls(cluster: &dyn Cluster, plan: &ClusterPlan) -> Result<Vec<u8>, LifeError> {
    let mut lasting = Vec::new();
    for (number, machine, distro) in machines(cluster, plan) {
        if policy::stays(machine, &distro.policy).await? {
            lasting.push(number);
        }
    }
    Ok(lasting)
}

/// Waits after a restart of the machines until these firewalls are in force again.
pub(super) async fn firewalls_are_back(
    cluster: &dyn Cluster,
    plan: &ClusterPlan,
    lasting: &[u8],
) -> Result<(), LifeError> {
    for (_, machine, distro) in machines(cluster, plan).filter(|(number, ..)| lasting.contains(number)) {
        policy::back(machine, &distro.policy).await?;
    }
    Ok(())
}

/// Runs the lines of the scenario's conditions of one moment, where they are for a host.
pub(super) async fn conditions(
    cluster: &dyn Cluster,
    plan: &ClusterPlan,
    when: When,
    kind: HostKind,
) -> Result<(), LifeError> {
    for condition in plan.scenario.conditions.iter().filter(|condition| condition.when == when) {
        for (number, machine, distro) in machines(cluster, plan) {
            if condition.applies(number, distro) {
                let line = |source| LifeError::Line { what: "condition", name: condition.name.clone(), source };
                run_lines(machine, &condition.run, kind).await.map_err(line)?;
            }
        }
    }
    Ok(())
}

/// Runs the lines of a remedy on every machine that it is for.
pub(super) async fn apply_remedy(
    cluster: &dyn Cluster,
    plan: &ClusterPlan,
    remedy: &Remedy,
    kind: HostKind,
) -> Result<(), LifeError> {
    for (_, machine, distro) in machines(cluster, plan) {
        if remedy.applies(distro) {
            let line = |source| LifeError::Line { what: "remedy", name: remedy.id.clone(), source };
            run_lines(machine, &remedy.run, kind).await.map_err(line)?;
        }
    }
    Ok(())
}

/// Runs shell lines in order, and waits until what they did to a firewall is in force; the first that fails ends them.
async fn run_lines(machine: &dyn Machine, lines: &[String], kind: HostKind) -> Result<(), MachineError> {
    for line in lines {
        let command = Command::shell(line);
        machine.run(&command).await?.success(machine.name(), &command)?;
    }
    policy::settle(machine, kind).await
}
