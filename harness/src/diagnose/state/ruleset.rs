//! The text of `nft list ruleset`: tables, chains and their rules, as far as a diagnosis asks about them.

/// All tables of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// Every chain, in the order of the text.
    pub chains: Vec<Chain>,
}

/// One chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Family and name of its table: `inet firewalld`.
    pub table: String,
    /// Its name.
    pub name: String,
    /// `type … hook … priority …; policy …;` of a base chain.
    pub base: Option<String>,
    /// Its rules in order, without counters.
    pub rules: Vec<String>,
}

impl Ruleset {
    /// Reads the text. What it does not know (sets, maps, flow tables) is skipped.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut ruleset = Self::default();
        let mut table = String::new();
        let mut blocks: Vec<bool> = Vec::new();
        for line in statements(text) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["table", family, name, "{", ..] => {
                    table = format!("{family} {name}");
                    blocks.push(false);
                }
                ["chain", name, "{", ..] => {
                    let chain = Chain { table: table.clone(), name: (*name).to_owned(), ..Chain::default() };
                    ruleset.chains.push(chain);
                    blocks.push(true);
                }
                [.., "{"] => blocks.push(false),
                ["}", ..] => {
                    blocks.pop();
                }
                [] => {}
                _ if blocks.last() == Some(&true) => ruleset.add(&line),
                _ => {}
            }
        }
        ruleset
    }

    fn add(&mut self, line: &str) {
        let Some(chain) = self.chains.last_mut() else { return };
        if line.starts_with("type ") && line.contains(" hook ") {
            chain.base = Some(line.to_owned());
        } else {
            chain.rules.push(without_counters(line));
        }
    }

    /// One chain.
    #[must_use]
    pub fn chain(&self, table: &str, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.table == table && chain.name == name)
    }

    /// Whether any chain holds a rule that this text is part of.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        self.chains.iter().any(|chain| chain.rules.iter().any(|rule| rule.contains(text)))
    }
}

/// Trimmed lines, with a rule whose set is wrapped put back on one.
fn statements(text: &str) -> Vec<String> {
    let mut statements: Vec<String> = Vec::new();
    let mut open = 0_usize;
    for line in text.lines().map(without_handle) {
        match statements.last_mut() {
            Some(last) if open > 0 => {
                last.push(' ');
                last.push_str(line);
            }
            _ => statements.push(line.to_owned()),
        }
        let block = open == 0 && line.ends_with('{') && !line.contains("elements");
        if !block && line != "}" {
            open = (open + line.matches('{').count()).saturating_sub(line.matches('}').count());
        }
    }
    statements
}

/// `nft -a` writes ` # handle N` behind everything.
fn without_handle(line: &str) -> &str {
    line.rsplit_once(" # handle ").map_or(line, |(before, _)| before).trim()
}

/// A rule without what its counters say, white space collapsed.
#[must_use]
pub fn without_counters(rule: &str) -> String {
    let words: Vec<&str> = rule.split_whitespace().collect();
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        if let ["counter", "packets", _, "bytes", _, ..] = &words[at..] {
            at += 5;
        } else {
            kept.push(words[at]);
            at += 1;
        }
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Ruleset, without_counters};

    #[test]
    fn reads_firewalld() {
        let ruleset = Ruleset::parse(include_str!("../fixtures/firewalld.ruleset"));
        let forward = ruleset.chain("inet firewalld", "filter_FORWARD").expect("chain");
        assert!(forward.base.as_deref().is_some_and(|base| base.contains("hook forward priority filter + 10")));
        assert_eq!(forward.rules[1], "ct status dnat accept");
        assert_eq!(forward.rules.last().map(String::as_str), Some("reject with icmpx admin-prohibited"));
        let zone = ruleset.chain("inet firewalld", "filter_FWD_public").expect("chain");
        assert_eq!(zone.rules.last().map(String::as_str), Some("reject with icmpx admin-prohibited"));
        assert!(ruleset.mentions("dnat to 10.1.0.12:8080"));
    }

    #[test]
    fn reads_wrapped_sets_and_skips_maps() {
        let ruleset = Ruleset::parse(
            "table ip t {\n\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1,\n\t\t\t     10.0.0.2 }\n\t}\n\n\tchain c {\n\t\ttcp dport { 22,\n\t\t\t     80 } counter packets 3 bytes 180 accept\n\t\tdrop\n\t}\n}\n",
        );
        assert_eq!(ruleset.chains.len(), 1);
        assert_eq!(ruleset.chains[0].rules, ["tcp dport { 22, 80 } accept", "drop"]);
    }

    #[test]
    fn handles_do_not_matter() {
        let text = include_str!("../fixtures/firewalld.ruleset");
        let with_handles: String = text
            .lines()
            .map(|line| {
                if line.trim().is_empty() || line.trim() == "}" {
                    format!("{line}\n")
                } else {
                    format!("{line} # handle 7\n")
                }
            })
            .collect();
        assert_eq!(Ruleset::parse(&with_handles), Ruleset::parse(text));
    }

    #[test]
    fn counters_go() {
        assert_eq!(
            without_counters("ip saddr 10.1.0.0/16  counter packets 3 bytes 180 drop"),
            "ip saddr 10.1.0.0/16 drop"
        );
    }
}
