//! Which routing table a packet is looked up in: `ip rule`.

use std::net::IpAddr;

/// Shows the rules of both versions of IP.
pub(super) const LIST: &str = "ip -4 rule; ip -6 rule";

/// One routing rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingRule {
    /// As `ip rule` writes it, on one line: `30400: from 192.0.2.11 lookup 30400`.
    pub text: String,
    /// The packets' source network; none for all.
    pub from: Option<(IpAddr, u8)>,
    /// The table that they are looked up in.
    pub table: String,
}

/// The rules that lead to a table, in order.
pub(super) fn parse(text: &str) -> Vec<RoutingRule> {
    text.lines().filter_map(rule).collect()
}

fn rule(line: &str) -> Option<RoutingRule> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let behind = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied();
    let from = behind("from").filter(|from| *from != "all");
    let from = match from {
        Some(network) => Some(self::network(network)?),
        None => None,
    };
    Some(RoutingRule { table: behind("lookup")?.to_owned(), from, text: words.join(" ") })
}

/// An address stands for itself.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    Some((address, length.map_or(Some(whole), |length| length.parse().ok())?))
}

impl RoutingRule {
    /// Whether a packet from this source is looked up in this table by it, as far as the source says.
    #[must_use]
    pub fn leads(&self, source: IpAddr, table: &str) -> bool {
        self.table == table && self.from.is_none_or(|(network, length)| within(source, network, length))
    }
}

fn within(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let same = |one: u128, other: u128, width: u8| {
        let host = u32::from(width.saturating_sub(length));
        one.checked_shr(host).unwrap_or_default() == other.checked_shr(host).unwrap_or_default()
    };
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => same(u32::from(one).into(), u32::from(other).into(), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => same(one.into(), other.into(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_rule_that_leads_a_source_to_a_table() {
        let rules = parse(
            "0:\tfrom all lookup local\n30400:\tfrom 192.0.2.11 lookup 30400\n30401:\tfrom 10.1.0.0/16 lookup 30401\n\
             32000:\tfrom 10.9.9.9 unreachable\n32766:\tfrom all lookup main\n100:\tfrom fd00::/64 lookup 7\n",
        );
        let leads = |source: &str, table: &str| {
            let source = source.parse().expect("address");
            rules.iter().find(|rule| rule.leads(source, table)).map(|rule| rule.text.as_str())
        };
        assert_eq!(leads("192.0.2.11", "30400"), Some("30400: from 192.0.2.11 lookup 30400"));
        assert_eq!(leads("192.0.2.12", "30400"), None);
        assert_eq!(leads("10.1.255.3", "30401"), Some("30401: from 10.1.0.0/16 lookup 30401"));
        assert_eq!(leads("10.2.0.3", "30401"), None);
        assert_eq!(leads("fd00::9", "7"), Some("100: from fd00::/64 lookup 7"));
        assert_eq!(leads("10.2.0.3", "main"), Some("32766: from all lookup main"));
    }
}
