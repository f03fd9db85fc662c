//! The chains of pods: from an interface to the policies about its pod.

use super::{ACCEPTED, PASSED, names::Direction};
use crate::cluster::dataplane::{
    iptables::{IptablesProgram, Table},
    layout::VXLAN_PORT,
    policies::Policy,
    state::ClusterState,
};

/// Adds the chains of a node's pods, and the one that leads to them.
pub fn dispatch(program: &mut IptablesProgram, state: &ClusterState, node: usize, direction: Direction) {
    let (dispatch, flag) = (direction.dispatch_chain(), direction.interface_flag());
    program.chain(Table::Filter, dispatch);
    for (index, pod) in state.pods.iter().enumerate().filter(|(_, pod)| pod.node == node) {
        let interface = pod.interface();
        let chain = direction.endpoint_chain(&interface);
        program.rule(Table::Filter, format!("{dispatch} {flag} {interface} -g {chain}"));
        add(program, &chain, &about(state, index, direction), &pod.namespace, direction);
    }
    program.rule(Table::Filter, format!("{dispatch} -m comment --comment \"Unknown interface\" -j DROP"));
}

/// The policies that restrict a pod in this direction.
fn about(state: &ClusterState, pod: usize, direction: Direction) -> Vec<&Policy> {
    let restricts = |policy: &&Policy| {
        let rules = match direction {
            Direction::Ingress => &policy.ingress,
            Direction::Egress => &policy.egress,
        };
        rules.is_some() && policy.pods.contains(&pod)
    };
    state.policies.iter().filter(restricts).collect()
}

fn add(program: &mut IptablesProgram, chain: &str, policies: &[&Policy], namespace: &str, direction: Direction) {
    program.chain(Table::Filter, chain);
    let mut rule = |text: String| program.rule(Table::Filter, format!("{chain} {text}"));
    let return_if_accepted = |what: &str| {
        format!("-m comment --comment \"Return if {what} accepted\" -m mark --mark {ACCEPTED}/{ACCEPTED} -j RETURN")
    };
    rule("-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN".to_owned());
    rule("-m conntrack --ctstate INVALID -j DROP".to_owned());
    rule(format!("-j MARK --set-xmark 0x0/{ACCEPTED}"));
    if direction == Direction::Egress {
        rule(format!(
            "-p udp -m comment --comment \"Drop VXLAN encapped packets originating in workloads\" \
             -m multiport --dports {VXLAN_PORT} -j DROP"
        ));
    }
    if !policies.is_empty() {
        rule(format!("-m comment --comment \"Start of policies\" -j MARK --set-xmark 0x0/{PASSED}"));
        for policy in policies {
            rule(format!("-m mark --mark 0x0/{PASSED} -j {}", direction.policy_chain(policy)));
            rule(return_if_accepted("policy"));
        }
        rule(format!("-m comment --comment \"Drop if no policies passed packet\" -m mark --mark 0x0/{PASSED} -j DROP"));
    }
    let profile = direction.profile_chain(namespace);
    rule(format!("-j {profile}"));
    rule(return_if_accepted("profile"));
    rule("-m comment --comment \"Drop if no profiles matched\" -j DROP".to_owned());
    self::profile(program, &profile, namespace, direction);
}

/// A namespace's profile accepts everything.
fn profile(program: &mut IptablesProgram, chain: &str, namespace: &str, direction: Direction) {
    if program.has_chain(Table::Filter, chain) {
        return;
    }
    program.chain(Table::Filter, chain);
    let comment = format!("Profile kns.{namespace} {}", direction.as_str());
    program.rule(
        Table::Filter,
        format!("{chain} -m comment --comment \"{comment}\" -j MARK --set-xmark {ACCEPTED}/{ACCEPTED}"),
    );
}
