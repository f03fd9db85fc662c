//! The kernel's network counters: `/proc/net/snmp`, `/proc/net/netstat`, `/proc/net/dev`.

use std::collections::BTreeMap;

use crate::provider::{Command, Machine, MachineError};

/// Counters by name: `Ip.InNoRoutes`, `TcpExt.IPReversePathFilter`, `eth0.rx_drop`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(pub BTreeMap<String, u64>);

/// Columns of `/proc/net/dev` that tell of losses, behind the interface's name.
const DEV_COLUMNS: [(usize, &str); 4] = [(2, "rx_errs"), (3, "rx_drop"), (10, "tx_errs"), (11, "tx_drop")];

/// Counters that tell of a loss when they move; the others tell of traffic.
const LOSSES: [&str; 14] = [
    "Ip.InHdrErrors",
    "Ip.InAddrErrors",
    "Ip.InDiscards",
    "Ip.OutDiscards",
    "Ip.OutNoRoutes",
    "Ip.ReasmFails",
    "Ip.FragFails",
    "IpExt.InNoRoutes",
    "IpExt.InTruncatedPkts",
    "IpExt.InCsumErrors",
    "TcpExt.IPReversePathFilter",
    "Tcp.InCsumErrors",
    "Udp.InCsumErrors",
    "Udp.InErrors",
];

impl Counters {
    /// Reads a machine's counters.
    pub async fn read(machine: &dyn Machine) -> Result<Self, MachineError> {
        let command = Command::new(["cat", "/proc/net/snmp", "/proc/net/netstat", "/proc/net/dev"]);
        Ok(Self::parse(&machine.run(&command).await?.success(machine.name(), &command)?.text()))
    }

    /// Reads the text of the three files, in any order.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut counters = BTreeMap::new();
        let mut names: Option<(&str, Vec<&str>)> = None;
        for line in text.lines() {
            let Some((group, rest)) = line.split_once(':') else { continue };
            let words: Vec<&str> = rest.split_whitespace().collect();
            match names.take() {
                Some((heading, columns)) if heading == group => {
                    for (column, value) in columns.iter().zip(&words) {
                        if let Ok(value) = value.parse() {
                            counters.insert(format!("{group}.{column}"), value);
                        }
                    }
                }
                _ if words.iter().any(|word| word.starts_with(|first: char| first.is_ascii_alphabetic())) => {
                    names = Some((group, words));
                }
                _ => counters.extend(DEV_COLUMNS.iter().filter_map(|(column, name)| {
                    Some((format!("{}.{name}", group.trim()), words.get(*column)?.parse().ok()?))
                })),
            }
        }
        Self(counters)
    }

    /// What moved since an earlier reading, and by how much.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self(
            self.0
                .iter()
                .filter_map(|(name, now)| {
                    let moved = now.saturating_sub(earlier.0.get(name).copied().unwrap_or_default());
                    (moved > 0).then(|| (name.clone(), moved))
                })
                .collect(),
        )
    }

    /// The value of a counter; 0 when it is not there.
    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// The counters that tell of a loss, as `name +N`.
    #[must_use]
    pub fn losses(&self) -> Vec<String> {
        self.0
            .iter()
            .filter(|(name, _)| {
                LOSSES.contains(&name.as_str()) || DEV_COLUMNS.iter().any(|(_, column)| name.ends_with(column))
            })
            .map(|(name, moved)| format!("{name} +{moved}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Counters;

    const TEXT: &str = "Ip: Forwarding DefaultTTL InReceives InAddrErrors\nIp: 1 64 57 2\n\
        TcpExt: SyncookiesSent IPReversePathFilter\nTcpExt: 0 3\n\
        Inter-|   Receive                                                |  Transmit\n\
        \u{20}face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n\
        \u{20}   lo:     100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0\n\
        \u{20} eth0:     100       2    0    5    0     0          0         0      100       2    1    7    0     0       0          0\n";

    #[test]
    fn reads_names_and_values() {
        let counters = Counters::parse(TEXT);
        assert_eq!(counters.get("Ip.InAddrErrors"), 2);
        assert_eq!(counters.get("TcpExt.IPReversePathFilter"), 3);
        assert_eq!((counters.get("eth0.rx_drop"), counters.get("eth0.tx_drop")), (5, 7));
        assert_eq!(counters.get("eth0.tx_errs"), 1);
    }

    #[test]
    fn tells_what_moved() {
        let later = Counters::parse(&TEXT.replace("0 3\n", "0 4\n").replace("57 2", "60 2"));
        let moved = later.since(&Counters::parse(TEXT));
        assert_eq!(moved.get("Ip.InReceives"), 3);
        assert_eq!(moved.losses(), ["TcpExt.IPReversePathFilter +1"]);
    }
}
