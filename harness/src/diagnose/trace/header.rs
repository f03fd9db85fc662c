//! A packet's headers, as a trace prints them behind `packet:`.

use std::net::{IpAddr, SocketAddr};

/// What a trace says about a packet where it enters a base chain; absent is what nft did not print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Interface it came in by.
    pub iif: Option<String>,
    /// Interface it leaves by.
    pub oif: Option<String>,
    /// Source address.
    pub saddr: Option<IpAddr>,
    /// Destination address.
    pub daddr: Option<IpAddr>,
    /// Layer 4 protocol.
    pub protocol: Option<Protocol>,
    /// Source port.
    pub sport: Option<u16>,
    /// Destination port.
    pub dport: Option<u16>,
    /// IPv4 identification: the same on every machine that forwards the packet.
    pub id: Option<u16>,
    /// Time to live or hop limit.
    pub ttl: Option<u8>,
    /// Length of the whole packet, in bytes.
    pub length: Option<u32>,
    /// TCP flags: bit 0 FIN, 1 SYN, 2 RST, 3 PSH, 4 ACK.
    pub tcp_flags: Option<u8>,
    /// ICMP type, by name.
    pub icmp_type: Option<String>,
    /// ICMP code, by name.
    pub icmp_code: Option<String>,
}

/// A layer 4 protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP, of either family.
    Icmp,
    /// Another, by name or number.
    Other(String),
}

/// Length of an IPv6 header, in bytes.
const IPV6_HEADER: u32 = 40;

const TCP_FLAGS: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"];

impl Header {
    /// Reads what stands behind `packet:`. Words that it does not know are skipped.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut header = Self::default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut at = 0;
        while at < words.len() {
            at += header.take(&words[at..]).max(1);
        }
        header
    }

    /// Takes one field from the front and says how many words it was.
    fn take(&mut self, words: &[&str]) -> usize {
        match words {
            ["iif" | "iifname", name, ..] => set(&mut self.iif, Some(unquoted(name)), 2),
            ["oif" | "oifname", name, ..] => set(&mut self.oif, Some(unquoted(name)), 2),
            ["ip" | "ip6", "saddr", address, ..] => set(&mut self.saddr, address.parse().ok(), 3),
            ["ip" | "ip6", "daddr", address, ..] => set(&mut self.daddr, address.parse().ok(), 3),
            ["ip", "protocol", name, ..] | ["ip6", "nexthdr", name, ..] => {
                set(&mut self.protocol, Some(Protocol::named(name)), 3)
            }
            ["ip", "ttl", ttl, ..] | ["ip6", "hoplimit", ttl, ..] => set(&mut self.ttl, ttl.parse().ok(), 3),
            ["ip", "id", id, ..] => set(&mut self.id, id.parse().ok(), 3),
            // That of IPv6 leaves its own header out.
            ["ip6", "length", length, ..] => {
                set(&mut self.length, length.parse().ok().map(|length: u32| length + IPV6_HEADER), 3)
            }
            ["ip", "length", length, ..] => set(&mut self.length, length.parse().ok(), 3),
            [protocol @ ("tcp" | "udp"), "sport", port, ..] => {
                self.protocol.get_or_insert(Protocol::named(protocol));
                set(&mut self.sport, port.parse().ok(), 3)
            }
            [protocol @ ("tcp" | "udp"), "dport", port, ..] => {
                self.protocol.get_or_insert(Protocol::named(protocol));
                set(&mut self.dport, port.parse().ok(), 3)
            }
            ["tcp", "flags", rest @ ..] => {
                let (flags, taken) = tcp_flags(rest);
                set(&mut self.tcp_flags, flags, 2 + taken)
            }
            ["icmp" | "icmpv6", "type", name, ..] => {
                self.protocol.get_or_insert(Protocol::Icmp);
                set(&mut self.icmp_type, Some((*name).to_owned()), 3)
            }
            ["icmp" | "icmpv6", "code", name, ..] => set(&mut self.icmp_code, Some((*name).to_owned()), 3),
            _ => 1,
        }
    }

    /// Source address and port.
    #[must_use]
    pub fn source(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.saddr?, self.sport?))
    }

    /// Destination address and port.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.daddr?, self.dport?))
    }

    /// Whether it is a TCP reset.
    #[must_use]
    pub fn is_reset(&self) -> bool {
        self.tcp_flags.is_some_and(|flags| flags & 4 != 0)
    }

    /// Whether it is an ICMP error that says that a packet was too large.
    #[must_use]
    pub fn is_too_big(&self) -> bool {
        matches!(self.icmp_code.as_deref(), Some("frag-needed" | "4"))
            && matches!(self.icmp_type.as_deref(), Some("destination-unreachable" | "3"))
            || matches!(self.icmp_type.as_deref(), Some("packet-too-big"))
    }
}

impl Protocol {
    fn named(name: &str) -> Self {
        match name {
            "tcp" | "6" => Self::Tcp,
            "udp" | "17" => Self::Udp,
            "icmp" | "icmpv6" | "ipv6-icmp" | "1" | "58" => Self::Icmp,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Keeps a value that was read and says how many words it took.
fn set<T>(field: &mut Option<T>, value: Option<T>, taken: usize) -> usize {
    if value.is_some() {
        *field = value;
    }
    taken
}

fn unquoted(name: &str) -> String {
    name.trim_matches('"').to_owned()
}

/// `== syn`, `== 0x12`, `syn | ack`, `syn,ack / fin,syn`: the flags and how many words they were.
fn tcp_flags(words: &[&str]) -> (Option<u8>, usize) {
    let mut taken = usize::from(words.first() == Some(&"=="));
    let mut flags = None;
    while let Some(word) = words.get(taken) {
        let Some(bits) = flag_bits(word) else { break };
        flags = Some(flags.unwrap_or(0) | bits);
        taken += 1;
        if words.get(taken) != Some(&"|") {
            break;
        }
        taken += 1;
    }
    (flags, taken)
}

fn flag_bits(word: &str) -> Option<u8> {
    if let Some(hex) = word.strip_prefix("0x") {
        return u8::from_str_radix(hex, 16).ok();
    }
    word.split(',').try_fold(0, |bits, name| {
        let position = TCP_FLAGS.iter().position(|flag| *flag == name)?;
        Some(bits | 1 << position)
    })
}

#[cfg(test)]
mod tests {
    use super::{Header, Protocol};

    #[test]
    fn reads_what_nft_prints() {
        let header = Header::parse(
            r#"iif "calia" oif "calib" ether saddr 66:37:3b:e4:f5:85 ether daddr ba:8b:62:1a:32:5c ip saddr 10.1.0.11 ip daddr 10.1.0.12 ip dscp cs0 ip ecn not-ect ip ttl 63 ip id 64261 ip protocol tcp ip length 60 tcp sport 40001 tcp dport 8080 tcp flags == syn tcp window 64240 "#,
        );
        assert_eq!(header.iif.as_deref(), Some("calia"));
        assert_eq!(header.oif.as_deref(), Some("calib"));
        assert_eq!(header.source(), "10.1.0.11:40001".parse().ok());
        assert_eq!(header.destination(), "10.1.0.12:8080".parse().ok());
        assert_eq!((header.id, header.ttl, header.length), (Some(64261), Some(63), Some(60)));
        assert_eq!((header.protocol, header.tcp_flags), (Some(Protocol::Tcp), Some(2)));
    }

    #[test]
    fn reads_every_way_of_writing_flags() {
        for (text, flags) in [("== 0x12", 18), ("== syn", 2), ("syn | ack", 18), ("== syn | ack", 18), ("fin,ack", 17)]
        {
            let header = Header::parse(&format!("tcp sport 1 tcp flags {text} tcp dport 7"));
            assert_eq!((header.tcp_flags, header.dport), (Some(flags), Some(7)), "{text}");
        }
    }

    #[test]
    fn reads_ipv6_and_icmp() {
        let header = Header::parse(
            r#"iif "eth0" ip6 saddr fd00::1 ip6 daddr fd00::2 ip6 nexthdr ipv6-icmp ip6 hoplimit 3 icmpv6 type packet-too-big icmpv6 code 0"#,
        );
        assert_eq!((header.saddr, header.ttl), ("fd00::1".parse().ok(), Some(3)));
        assert!(header.is_too_big());
        let icmp = Header::parse("ip protocol icmp icmp type destination-unreachable icmp code frag-needed icmp id 0");
        assert!(icmp.is_too_big());
        assert_eq!(icmp.protocol, Some(Protocol::Icmp));
    }
}
