//! Legacy iptables rules, which no nftables trace shows: their counters tell which of them matched.

use super::save::SavedRules;
use crate::provider::{Command, Machine, MachineError};

/// What the legacy tables have counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegacyCounters(pub Vec<LegacyRule>);

/// A legacy rule or policy and how often it matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyRule {
    /// Table: `filter`.
    pub table: String,
    /// Chain.
    pub chain: String,
    /// The rule as `iptables-save` writes it, or `policy DROP`.
    pub rule: String,
    /// Position in the chain; the policy comes last.
    pub position: usize,
    /// Packets.
    pub packets: u64,
}

impl LegacyCounters {
    /// Reads a machine's counters. Reading must not load the legacy modules where they are not in use: the kernel
    /// lists the tables that exist.
    pub async fn read(machine: &dyn Machine) -> Result<Self, MachineError> {
        let names = Command::new(["cat", "/proc/net/ip_tables_names"]);
        let names = machine.run(&names).await?;
        if !names.ok() || names.stdout.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        // Which of the two names the legacy variant has depends on the distro's alternatives.
        let command = Command::shell("iptables-legacy-save -c 2>/dev/null || iptables-save -c");
        let output = machine.run(&command).await?;
        Ok(Self::of(&SavedRules::parse(&output.text())))
    }

    fn of(saved: &SavedRules) -> Self {
        let mut all = Vec::new();
        for (table, chains) in &saved.tables {
            for (chain, rules) in chains {
                let policy = saved.policies.get(table).and_then(|policies| policies.get(chain));
                let policy = policy.map(|(policy, packets)| (format!("policy {policy}"), *packets));
                all.extend(rules.iter().cloned().chain(policy).enumerate().map(|(position, (rule, packets))| {
                    LegacyRule { table: table.clone(), chain: chain.clone(), rule, position, packets }
                }));
            }
        }
        Self(all)
    }

    /// What matched since an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let moved = self.0.iter().filter_map(|now| {
            let before = earlier.0.iter().find(|before| {
                (&before.table, &before.chain, before.position, &before.rule)
                    == (&now.table, &now.chain, now.position, &now.rule)
            });
            let packets = now.packets.saturating_sub(before.map_or(0, |before| before.packets));
            (packets > 0).then(|| LegacyRule { packets, ..now.clone() })
        });
        Self(moved.collect())
    }
}

impl LegacyRule {
    /// Whether a match ends the packet.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.rule == "policy DROP" || self.rule.contains("-j DROP") || self.rejects()
    }

    /// Whether the sender is told.
    #[must_use]
    pub fn rejects(&self) -> bool {
        self.rule.contains("-j REJECT")
    }
}

#[cfg(test)]
mod tests {
    use super::{LegacyCounters, SavedRules};

    #[test]
    fn tells_which_rule_matched() {
        let text = "*filter\n:FORWARD DROP [3:180]\n[1:60] -A FORWARD -s 10.2.0.0/16 -j DROP\n[5:300] -A FORWARD -s 10.1.0.0/16 -j DROP\nCOMMIT\n";
        let before = LegacyCounters::of(&SavedRules::parse(text));
        let after = LegacyCounters::of(&SavedRules::parse(&text.replace("[5:300]", "[7:420]")));
        let moved = after.since(&before).0;
        assert_eq!(moved.len(), 1);
        assert_eq!((moved[0].rule.as_str(), moved[0].packets), ("-A FORWARD -s 10.1.0.0/16 -j DROP", 2));
        assert!(moved[0].ends() && !moved[0].rejects());
    }
}
