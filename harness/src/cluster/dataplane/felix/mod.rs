//! What Calico's Felix programs into the filter table for network policies: equal in effect and shape to that of
//! Calico 3.28 in iptables mode.
//!
//! Two things differ. Without a policy in the manifests there is nothing at all: Felix's chains then let through what
//! they see. And what they let through goes back to the built-in chain instead of being accepted there: the host's own
//! firewall has its say, as is reported of hosts where its rules stand in front.

mod endpoint;
mod names;
mod policy;

use self::names::Direction;
use super::{
    iptables::{IptablesProgram, JumpRule, Position, Table},
    state::ClusterState,
};
use crate::model::IpFamily;

/// The mark that says: a policy or profile accepted this packet.
const ACCEPTED: &str = "0x10000";

/// The mark that says: leave the policies to the profiles.
const PASSED: &str = "0x20000";

/// The mark that says: this address is in the block and in none of its exceptions.
const IN_BLOCK: &str = "0x80000";

/// All marks of Felix but the first.
const SCRATCH: &str = "0xe0000";

/// Types of `ICMPv6` that pods may always send to their node: listener queries and reports, solicitations, advertisements.
const NEIGHBOUR_DISCOVERY: [u8; 6] = [130, 131, 132, 133, 135, 136];

/// What Felix programs on a node (an index into [`ClusterState::nodes`]) for one version of IP; none when there is no policy.
#[must_use]
pub fn program(state: &ClusterState, node: usize, family: IpFamily) -> Option<IptablesProgram> {
    if state.policies.is_empty() {
        return None;
    }
    let jump = |chain, target| JumpRule {
        table: Table::Filter,
        chain,
        position: Position::First,
        matches: &[],
        comment: None,
        target,
    };
    let jumps = vec![jump("FORWARD", "cali-FORWARD"), jump("INPUT", "cali-INPUT"), jump("OUTPUT", "cali-OUTPUT")];
    let mut program = IptablesProgram::new(family, jumps);
    static_chains(&mut program, family);
    for direction in [Direction::Egress, Direction::Ingress] {
        endpoint::dispatch(&mut program, state, node, direction);
        policy::add(&mut program, state, direction, family);
    }
    Some(program)
}

fn static_chains(program: &mut IptablesProgram, family: IpFamily) {
    for chain in ["cali-FORWARD", "cali-INPUT", "cali-OUTPUT", "cali-wl-to-host"] {
        program.chain(Table::Filter, chain);
    }
    if family == IpFamily::Ipv6 {
        // Without neighbour discovery and what listeners report, a pod would not even find its node.
        for kind in NEIGHBOUR_DISCOVERY {
            program
                .rule(Table::Filter, format!("cali-wl-to-host -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j RETURN"));
        }
    }
    for rule in [
        format!("cali-FORWARD -j MARK --set-xmark 0x0/{SCRATCH}"),
        "cali-FORWARD -i cali+ -j cali-from-wl-dispatch".to_owned(),
        "cali-FORWARD -o cali+ -j cali-to-wl-dispatch".to_owned(),
        "cali-INPUT -i cali+ -g cali-wl-to-host".to_owned(),
        "cali-wl-to-host -j cali-from-wl-dispatch".to_owned(),
        // What the node itself says to its pods is never a policy's business: the kubelet must reach them.
        "cali-OUTPUT -o cali+ -j RETURN".to_owned(),
    ] {
        program.rule(Table::Filter, rule);
    }
}
