//! The chains of policies: which packets each of them accepts. Sets of addresses are written out rule by rule, where
//! Felix would keep them in ipsets.

use std::net::IpAddr;

use super::{ACCEPTED, IN_BLOCK, names::Direction};
use crate::{
    cluster::{
        dataplane::{
            iptables::{IptablesProgram, Table},
            policies::{Peer, Policy, Rule},
            state::{ClusterState, Pod},
        },
        manifest::{Cidr, PolicyPort, PolicyPorts, Transport},
    },
    model::IpFamily,
};

/// What `-m multiport` takes at most; a range counts twice.
const MOST_PORTS: usize = 15;

/// Adds the chain of every policy that restricts this direction.
pub fn add(program: &mut IptablesProgram, state: &ClusterState, direction: Direction, family: IpFamily) {
    for policy in &state.policies {
        let rules = match direction {
            Direction::Ingress => &policy.ingress,
            Direction::Egress => &policy.egress,
        };
        let Some(rules) = rules else { continue };
        let chain = direction.policy_chain(policy);
        program.chain(Table::Filter, chain.clone());
        let mut writer = Writer { program, state, policy, direction, family, chain };
        for rule in rules {
            writer.rule(rule);
        }
    }
}

struct Writer<'a> {
    program: &'a mut IptablesProgram,
    state: &'a ClusterState,
    policy: &'a Policy,
    direction: Direction,
    family: IpFamily,
    chain: String,
}

/// The other ends of a rule that have one match in common.
struct Ends {
    /// Everybody when there is none.
    network: Option<Cidr>,
    except: Vec<Cidr>,
}

/// Ports of a rule that have one match in common.
struct Ports {
    text: String,
    /// The address that these ports are at, where they have a name.
    at: Option<IpAddr>,
}

impl Writer<'_> {
    fn rule(&mut self, rule: &Rule) {
        let ends: Vec<Ends> = match &rule.peers {
            None => vec![Ends { network: None, except: Vec::new() }],
            Some(peers) => peers.iter().filter_map(|peer| self.ends(peer)).collect(),
        };
        let ports = self.ports(&rule.ports);
        for ends in &ends {
            for ports in &ports {
                self.accept(ends, ports);
            }
        }
    }

    fn ends(&self, peer: &Peer) -> Option<Ends> {
        let (network, except) = match peer {
            Peer::Pod(pod) => (Cidr::host(self.state.pods[*pod].address(self.family)?), Vec::new()),
            Peer::Block { cidr, except } => (*cidr, except.clone()),
        };
        (network.is_ipv6() == (self.family == IpFamily::Ipv6)).then_some(Ends { network: Some(network), except })
    }

    /// The matches for the ports; one that matches everything when there are none.
    fn ports(&self, ports: &[PolicyPort]) -> Vec<Ports> {
        if ports.is_empty() {
            return vec![Ports { text: String::new(), at: None }];
        }
        let mut all = Vec::new();
        for transport in [Transport::Tcp, Transport::Udp] {
            let own = || ports.iter().filter(|port| port.transport == transport);
            if own().any(|port| port.ports == PolicyPorts::Every) {
                all.push(Ports { text: format!(" -p {transport}"), at: None });
                continue;
            }
            let mut numbers: Vec<String> = Vec::new();
            for port in own() {
                match &port.ports {
                    PolicyPorts::Range(first, last) if first == last => numbers.push(first.to_string()),
                    PolicyPorts::Range(first, last) => numbers.push(format!("{first}:{last}")),
                    PolicyPorts::Name(name) => all.extend(self.named(transport, name)),
                    PolicyPorts::Every => {}
                }
            }
            for numbers in numbers.chunks(MOST_PORTS / 2) {
                let numbers = numbers.join(",");
                all.push(Ports { text: format!(" -p {transport} -m multiport --dports {numbers}"), at: None });
            }
        }
        all
    }

    /// A port by its name: of the policy's own pods for what comes in, of any pod for what goes out.
    fn named(&self, transport: Transport, name: &str) -> Vec<Ports> {
        let pods: Vec<&Pod> = match self.direction {
            Direction::Ingress => self.policy.pods.iter().map(|pod| &self.state.pods[*pod]).collect(),
            Direction::Egress => self.state.pods.iter().collect(),
        };
        let ports = pods.into_iter().filter_map(|pod| {
            let declared = pod.containers.iter().flat_map(|container| &container.ports);
            let port =
                declared.into_iter().find(|port| port.transport == transport && port.name.as_deref() == Some(name))?;
            Some(Ports {
                text: format!(" -p {transport} -m {transport} --dport {}", port.port),
                at: Some(pod.address(self.family)?),
            })
        });
        ports.collect()
    }

    fn accept(&mut self, ends: &Ends, ports: &Ports) {
        let (mut network, mut own) = (ends.network, String::new());
        if let Some(at) = ports.at {
            match self.direction {
                Direction::Ingress => own = format!(" -d {}", Cidr::host(at)),
                Direction::Egress if network.is_none_or(|network| network.contains(at)) => {
                    network = Some(Cidr::host(at));
                }
                Direction::Egress => return,
            }
        }
        let flag = self.direction.peer_flag();
        let peer = network.map(|network| format!(" {flag} {network}")).unwrap_or_default();
        let mut block = String::new();
        if !ends.except.is_empty() {
            self.line(&format!(" -j MARK --set-xmark {IN_BLOCK}/{IN_BLOCK}"));
            for except in &ends.except {
                self.line(&format!(" {flag} {except} -j MARK --set-xmark 0x0/{IN_BLOCK}"));
            }
            block = format!(" -m mark --mark {IN_BLOCK}/{IN_BLOCK}");
        }
        let text = &ports.text;
        self.line(&format!("{peer}{own}{text}{block} -j MARK --set-xmark {ACCEPTED}/{ACCEPTED}"));
        self.line(&format!(" -m mark --mark {ACCEPTED}/{ACCEPTED} -j RETURN"));
    }

    fn line(&mut self, text: &str) {
        let chain = &self.chain;
        self.program.rule(Table::Filter, format!("{chain}{text}"));
    }
}
