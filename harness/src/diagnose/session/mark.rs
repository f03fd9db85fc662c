//! The table of our own that marks a leg's packets for tracing, and the tags by which they are told apart.
//!
//! Packets are matched by the probe's source port. Where an address translation may have changed it (on the
//! backend's machine), they are matched by the backend's address; inside a VXLAN packet and inside an ICMP error
//! by the same fields of the packet that is carried or quoted.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    net::{IpAddr, SocketAddr},
};

use super::leg::{Leg, Selector};
use crate::diagnose::{
    TRACE_TABLE,
    context::Transport,
    hook::{Gate, Hook, MARKS},
};

/// What marked a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag {
    /// Whose packet it is.
    pub subject: Subject,
    /// Which way it goes.
    pub way: Way,
}

/// Whose packet it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Of the leg with this index.
    Leg(usize),
    /// Of some leg that leads to this backend.
    Backend(SocketAddr),
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// Towards the backend.
    Forward,
    /// A VXLAN packet that carries one towards the backend.
    TunnelForward,
    /// From the backend.
    Reply,
    /// A VXLAN packet that carries one from the backend.
    TunnelReply,
    /// An ICMP error about one of them.
    Error,
}

/// Priority of the chains that mark: before everyone else's, but where fragments are whole packets again.
const FIRST: i32 = -399;
/// Priority of the chains that see what is left: after everyone else's filters and translations.
const LAST: i32 = 400;
/// UDP ports of VXLAN: the registered one, which Calico uses, and the one of Linux and flannel.
const VXLAN: &str = "udp dport { 4789, 8472 }";
/// Packets that are longer than this are counted apart, so that small ones do not use up their share, in bytes.
const LARGE: u32 = 1000;

/// Offset of a carried IP header, in bits from the UDP or ICMP header on: behind UDP, VXLAN and Ethernet headers.
const IN_VXLAN: u32 = (8 + 8 + 14) * 8;
/// The same for the packet that an ICMP error quotes.
const IN_ICMP: u32 = 8 * 8;

impl Way {
    const ALL: [Self; 5] = [Self::Forward, Self::TunnelForward, Self::Reply, Self::TunnelReply, Self::Error];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::TunnelForward => "tunnel-forward",
            Self::Reply => "reply",
            Self::TunnelReply => "tunnel-reply",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Leg(index) => write!(f, "pathlab leg {index} {}", self.way.as_str()),
            Subject::Backend(address) => write!(f, "pathlab backend {address} {}", self.way.as_str()),
        }
    }
}

impl Tag {
    /// The tag in the comment of a rule, as a trace prints it.
    #[must_use]
    pub fn of_rule(rule: &str) -> Option<Self> {
        let (_, tag) = rule.split_once("comment \"pathlab ")?;
        let mut words = tag.split_once('"')?.0.split(' ');
        let subject = match (words.next()?, words.next()?) {
            ("leg", index) => Subject::Leg(index.parse().ok()?),
            ("backend", address) => Subject::Backend(address.parse().ok()?),
            _ => return None,
        };
        let way = words.next()?;
        Some(Self { subject, way: Way::ALL.into_iter().find(|candidate| candidate.as_str() == way)? })
    }
}

/// The chain that matches VXLAN packets, after [`MARKS`].
const TUNNELS: &str = "tunnels";
/// The chain that matches ICMP errors, after [`MARKS`].
const ERRORS: &str = "errors";

/// How many rules the table of these legs has.
#[must_use]
pub fn size(legs: &[Leg]) -> usize {
    let rules = Rules::of(legs);
    rules.conditions + rules.tags.len()
}

/// The whole table as input of `nft -f`. It replaces one that a broken run left behind.
///
/// Both entries go to the same chains: what nft sends to the kernel at once must fit a buffer that a process without
/// rights on the host cannot enlarge.
///
/// A rule that marks does nothing else, in a chain of its own: Linux 6.1 for one says nothing of a rule that marks a packet
/// and returns, as it looks before such a rule whether the packet is marked, and not again after it
/// (`__nft_trace_verdict` in `net/netfilter/nf_tables_core.c`).
#[must_use]
pub fn table(legs: &[Leg]) -> String {
    let rules = Rules::of(legs);
    let mut text = format!("table inet {TRACE_TABLE}\ndelete table inet {TRACE_TABLE}\ntable inet {TRACE_TABLE} {{\n");
    for (number, tag) in rules.tags.iter().enumerate() {
        let _ = writeln!(text, "chain {} {{\nmeta nftrace set 1 comment \"{tag}\"\n}}", marking(number));
    }
    for (chain, rules) in [(TUNNELS, &rules.tunnels), (ERRORS, &rules.errors), (MARKS, &rules.marks())] {
        let _ = writeln!(text, "chain {chain} {{\n{rules}}}");
    }
    for hook in Hook::ALL {
        for (gate, priority) in [(Gate::Start(hook), FIRST), (Gate::End(hook), LAST)] {
            let _ = writeln!(text, "chain {} {{", gate.chain());
            let _ = writeln!(text, "type filter hook {hook} priority {priority}; policy accept;");
            if gate == Gate::Start(hook) && hook.is_entry() {
                let _ = writeln!(text, "jump {MARKS}");
            }
            text.push_str("}\n");
        }
    }
    text.push_str("}\n");
    text
}

/// The rules of both entries, by the chains that they stand in.
#[derive(Default)]
struct Rules {
    tunnels: String,
    errors: String,
    others: String,
    /// How many rules those are.
    conditions: usize,
    /// What they mark, each in a chain of its own.
    tags: Vec<Tag>,
}

/// The chain that marks with the tag of this index.
fn marking(tag: usize) -> String {
    format!("mark_{tag}")
}

impl Rules {
    /// Those of legs stand first: they say more than those of backends.
    fn of(legs: &[Leg]) -> Self {
        let mut rules = Self::default();
        for (index, leg) in legs.iter().enumerate() {
            for (way, condition) in leg_conditions(leg) {
                rules.add(&condition, Tag { subject: Subject::Leg(index), way });
            }
        }
        let backends: BTreeSet<(SocketAddr, Transport)> =
            legs.iter().flat_map(|leg| leg.backends.iter().map(|backend| (backend.address, leg.transport))).collect();
        for (address, transport) in backends {
            for (way, condition) in backend_conditions(address, transport) {
                rules.add(&condition, Tag { subject: Subject::Backend(address), way });
            }
        }
        rules
    }

    /// Few packets are marked: the trace's buffer is small, and the first ones say it all. No rule comes after that which
    /// marked one.
    fn add(&mut self, condition: &str, tag: Tag) {
        let way = tag.way;
        let known = self.tags.iter().position(|known| *known == tag);
        let mark = marking(known.unwrap_or_else(|| {
            self.tags.push(tag);
            self.tags.len() - 1
        }));
        let chain = match way {
            Way::TunnelForward | Way::TunnelReply => &mut self.tunnels,
            Way::Error => &mut self.errors,
            Way::Forward | Way::Reply => &mut self.others,
        };
        if way != Way::Error {
            let _ =
                writeln!(chain, "{condition} meta length > {LARGE} limit rate 2/second burst 2 packets goto {mark}");
            self.conditions += 1;
        }
        let _ = writeln!(chain, "{condition} limit rate 2/second burst 3 packets goto {mark}");
        self.conditions += 1;
    }

    /// The chain where every packet begins.
    fn marks(&self) -> String {
        format!("{VXLAN} goto {TUNNELS}\nmeta l4proto {{ icmp, ipv6-icmp }} goto {ERRORS}\n{}", self.others)
    }
}

fn leg_conditions(leg: &Leg) -> Vec<(Way, String)> {
    let transport = leg.transport.as_str();
    match &leg.selector {
        Selector::SourcePort(port) => {
            let v6 = leg.destination.is_ipv6();
            let (vxlan, icmp) = (Carried { at: IN_VXLAN, v6 }, Carried { at: IN_ICMP, v6 });
            vec![
                (Way::Forward, format!("{transport} sport {port}")),
                (Way::Reply, format!("{transport} dport {port}")),
                (Way::Error, format!("{} {}", icmp_of(v6), icmp.sport(*port))),
                (Way::Error, format!("{} {}", icmp_of(v6), icmp.dport(*port))),
                (Way::TunnelForward, vxlan.sport(*port)),
                (Way::TunnelReply, vxlan.dport(*port)),
            ]
        }
        Selector::Addresses(addresses, ports) => addresses
            .iter()
            .flat_map(|address| ports.iter().map(move |port| (*address, *port)))
            .flat_map(|(address, port)| address_conditions(address, port, transport))
            .collect(),
    }
}

/// From this address to this port.
fn address_conditions(address: IpAddr, port: u16, transport: &str) -> Vec<(Way, String)> {
    let (ip, v6) = (family(address), address.is_ipv6());
    let (vxlan, icmp) = (Carried { at: IN_VXLAN, v6 }, Carried { at: IN_ICMP, v6 });
    vec![
        (Way::Forward, format!("{ip} saddr {address} {transport} dport {port}")),
        (Way::Reply, format!("{ip} daddr {address} {transport} sport {port}")),
        (Way::Error, format!("{} {} {}", icmp_of(v6), icmp.saddr(address), icmp.dport(port))),
        (Way::TunnelForward, format!("{} {}", vxlan.saddr(address), vxlan.dport(port))),
        (Way::TunnelReply, format!("{} {}", vxlan.daddr(address), vxlan.sport(port))),
    ]
}

fn backend_conditions(backend: SocketAddr, transport: Transport) -> Vec<(Way, String)> {
    let (ip, address, port, transport) = (family(backend.ip()), backend.ip(), backend.port(), transport.as_str());
    let vxlan = Carried { at: IN_VXLAN, v6: address.is_ipv6() };
    vec![
        (Way::Forward, format!("{ip} daddr {address} {transport} dport {port}")),
        (Way::Reply, format!("{ip} saddr {address} {transport} sport {port}")),
        (Way::TunnelForward, format!("{} {}", vxlan.daddr(address), vxlan.dport(port))),
        (Way::TunnelReply, format!("{} {}", vxlan.saddr(address), vxlan.sport(port))),
    ]
}

const fn icmp_of(v6: bool) -> &'static str {
    if v6 { "meta l4proto ipv6-icmp" } else { "meta l4proto icmp" }
}

const fn family(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "ip",
        IpAddr::V6(_) => "ip6",
    }
}

/// Matches on an IP packet (without options) that another packet carries.
#[derive(Clone, Copy)]
struct Carried {
    /// Where its header begins, in bits.
    at: u32,
    v6: bool,
}

impl Carried {
    fn saddr(self, address: IpAddr) -> String {
        self.address(address, if self.v6 { 8 } else { 12 })
    }

    fn daddr(self, address: IpAddr) -> String {
        self.address(address, if self.v6 { 24 } else { 16 })
    }

    fn address(self, address: IpAddr, byte: u32) -> String {
        let at = self.at + byte * 8;
        match address {
            IpAddr::V4(address) => format!("@th,{at},32 {:#x}", u32::from(address)),
            IpAddr::V6(address) => format!("@th,{at},128 {:#x}", u128::from(address)),
        }
    }

    fn sport(self, port: u16) -> String {
        format!("@th,{},16 {port}", self.at + self.header())
    }

    fn dport(self, port: u16) -> String {
        format!("@th,{},16 {port}", self.at + self.header() + 16)
    }

    /// Length of the header, in bits.
    const fn header(self) -> u32 {
        if self.v6 { 40 * 8 } else { 20 * 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Subject, Tag, Way, size, table};
    use crate::diagnose::{
        context::{PodEndpoint, Transport},
        session::leg::{Leg, LegKind, Selector},
    };

    #[test]
    fn a_rule_stands_once_whatever_hooks_it_serves() {
        let leg = Leg {
            case: 0,
            kind: LegKind::Client,
            transport: Transport::Tcp,
            selector: Selector::SourcePort(61_001),
            sources: Vec::new(),
            destination: "10.152.183.7:80".parse().expect("address"),
            backends: vec![PodEndpoint { address: "10.1.0.12:8080".parse().expect("address"), machine: 0 }],
        };
        let text = table(std::slice::from_ref(&leg));
        assert_eq!(text.matches(" goto mark_").count() + text.matches("comment \"pathlab ").count(), size(&[leg]));
        // Marks, and decides nothing.
        assert_eq!(text.matches("\nmeta nftrace set 1 comment \"pathlab leg 0 error\"\n}").count(), 1, "{text}");
        assert_eq!(text.matches("tcp sport 61001 limit ").count(), 1, "{text}");
        assert_eq!(text.matches("udp dport").count(), 1, "{text}");
        assert_eq!(text.matches("jump marks").count(), 2, "{text}");
    }

    #[test]
    fn tags_read_back_from_rules() {
        for way in Way::ALL {
            for subject in [Subject::Leg(12), Subject::Backend("10.1.0.12:8080".parse().expect("address"))] {
                let tag = Tag { subject, way };
                let rule = format!("meta nftrace set 1 comment \"{tag}\"");
                assert_eq!(Tag::of_rule(&rule), Some(tag));
            }
        }
        assert_eq!(Tag::of_rule("tcp dport 1 comment \"pathlab leg x forward\""), None);
        assert_eq!(Tag::of_rule("tcp dport 1 accept"), None);
    }
}
