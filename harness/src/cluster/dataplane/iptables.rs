//! What somebody programs into iptables: chains of their own, and jumps to them from the built-in chains.

use std::collections::BTreeMap;

use super::text::Text;
use crate::model::IpFamily;

/// A table of iptables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// `filter`.
    Filter,
    /// `mangle`.
    Mangle,
    /// `nat`.
    Nat,
}

/// Where a jump is put when it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// In front of all rules.
    First,
    /// Behind all rules.
    Last,
}

/// A rule in a built-in chain that leads to a chain of the program. It is there once, whatever happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JumpRule {
    /// The table.
    pub table: Table,
    /// The built-in chain.
    pub chain: &'static str,
    /// Where it is put.
    pub position: Position,
    /// What a packet must be, as arguments of iptables.
    pub matches: &'static [&'static str],
    /// What `-m comment` says.
    pub comment: Option<&'static str>,
    /// The chain that it leads to.
    pub target: &'static str,
}

/// Everything that one program puts into the iptables of one node.
///
/// Load [`IptablesProgram::sync`] with `iptables-restore --noflush`: once at first, and again whenever the
/// program would re-sync. It never changes what others put there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IptablesProgram {
    /// The version of IP, and so which iptables.
    pub family: IpFamily,
    /// Jumps from built-in chains, in the order in which they are put there.
    pub ensure_jumps: Vec<JumpRule>,
    chains: BTreeMap<Table, Chains>,
}

/// Own chains of one table, and their rules, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Chains {
    names: Vec<String>,
    rules: Vec<String>,
}

impl Table {
    /// The name that iptables uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Mangle => "mangle",
            Self::Nat => "nat",
        }
    }
}

impl JumpRule {
    /// The arguments of `iptables` after `-C`, `-I`, `-A` or `-D`, beginning with the chain.
    #[must_use]
    pub fn arguments(&self) -> Vec<&'static str> {
        let mut arguments = vec![self.chain];
        arguments.extend(self.matches);
        if let Some(comment) = self.comment {
            arguments.extend(["-m", "comment", "--comment", comment]);
        }
        arguments.extend(["-j", self.target]);
        arguments
    }

    /// The rule in the words of `iptables-restore`.
    fn line(&self) -> String {
        let operation = match self.position {
            Position::First => "-I",
            Position::Last => "-A",
        };
        let quote = |word: &str| if word.contains(' ') { format!("\"{word}\"") } else { word.to_owned() };
        let words: Vec<String> = self.arguments().into_iter().map(quote).collect();
        format!("{operation} {}", words.join(" "))
    }

    /// Whether what `iptables-save` printed holds it. Nobody else jumps to the program's chains, so the ends
    /// of the jump tell it; how iptables words the matches does not matter.
    fn stands_in(&self, saved: &str) -> bool {
        let (start, end) = (format!("-A {} ", self.chain), format!("-j {}", self.target));
        let table = format!("*{}", self.table.as_str());
        let lines = saved.lines().skip_while(|line| *line != table).take_while(|line| *line != "COMMIT");
        lines.into_iter().any(|line| line.starts_with(&start) && line.ends_with(&end))
    }
}

impl IptablesProgram {
    /// A program without chains of its own yet.
    #[must_use]
    pub const fn new(family: IpFamily, ensure_jumps: Vec<JumpRule>) -> Self {
        Self { family, ensure_jumps, chains: BTreeMap::new() }
    }

    /// The program that loads its rules; with `-save` and `-restore` behind it, those beside it.
    #[must_use]
    pub const fn tool(family: IpFamily) -> &'static str {
        match family {
            IpFamily::Ipv4 => "iptables",
            IpFamily::Ipv6 => "ip6tables",
        }
    }

    /// Declares a chain; loading the program empties it first.
    pub fn chain(&mut self, table: Table, name: impl Into<String>) {
        let chains = self.chains.entry(table).or_default();
        let name = name.into();
        if !chains.names.contains(&name) {
            chains.names.push(name);
        }
    }

    /// Whether the program has this chain.
    #[must_use]
    pub fn has_chain(&self, table: Table, name: &str) -> bool {
        self.chains.get(&table).is_some_and(|chains| chains.names.iter().any(|known| known == name))
    }

    /// Appends a rule to a chain of the program: `KUBE-MARK-MASQ -j MARK …`.
    pub fn rule(&mut self, table: Table, rule: impl AsRef<str>) {
        self.chains.entry(table).or_default().rules.push(format!("-A {}", rule.as_ref()));
    }

    /// Input of `iptables-restore --noflush` that empties and fills the program's own chains. The jumps are not
    /// in it: see [`JumpRule::arguments`], or use [`Self::sync`].
    #[must_use]
    pub fn restore(&self) -> String {
        self.render(&[])
    }

    /// Input of `iptables-restore --noflush` that fills the program's chains and adds the jumps that are missing
    /// in `saved`, the output of `iptables-save` (empty text: all are missing).
    #[must_use]
    pub fn sync(&self, saved: &str) -> String {
        let missing: Vec<&JumpRule> = self.ensure_jumps.iter().filter(|jump| !jump.stands_in(saved)).collect();
        self.render(&missing)
    }

    /// Whether something of the program is missing in `saved`, the output of `iptables-save`: somebody flushed.
    #[must_use]
    pub fn is_damaged(&self, saved: &str) -> bool {
        let chain_missing = self.chains.iter().any(|(table, chains)| {
            let head = format!("*{}", table.as_str());
            let own = || saved.lines().skip_while(|line| *line != head).take_while(|line| *line != "COMMIT");
            let rules = own().filter(|line| {
                let chain = line.strip_prefix("-A ").and_then(|rest| rest.split(' ').next());
                chain.is_some_and(|chain| chains.names.iter().any(|name| name == chain))
            });
            rules.count() < chains.rules.len()
                || chains.names.iter().any(|name| !own().any(|line| line.starts_with(&format!(":{name} "))))
        });
        chain_missing || self.ensure_jumps.iter().any(|jump| !jump.stands_in(saved))
    }

    /// Shell lines that do what [`Self::sync`] does, whatever is there when they run.
    #[must_use]
    pub fn sync_script(&self) -> String {
        let tool = Self::tool(self.family);
        let mut script = Text::default();
        script.line(format!("{tool}-restore --noflush --wait <<'END'"));
        self.restore().lines().for_each(|line| script.line(line));
        script.line("END");
        self.ensure_jumps.iter().for_each(|jump| script.line(ensure(tool, jump.table, &jump.line())));
        script.finish()
    }

    /// Shell lines that add what is missing and empty nothing, for chains that are shared with others.
    #[must_use]
    pub fn ensure_script(&self) -> String {
        let (tool, mut script) = (Self::tool(self.family), Text::default());
        for (table, chains) in &self.chains {
            for name in &chains.names {
                script.line(format!("{tool} --wait -t {} -N {name} 2>/dev/null || :", table.as_str()));
            }
            chains.rules.iter().for_each(|rule| script.line(ensure(tool, *table, rule)));
        }
        self.ensure_jumps.iter().for_each(|jump| script.line(ensure(tool, jump.table, &jump.line())));
        script.finish()
    }

    fn render(&self, jumps: &[&JumpRule]) -> String {
        let mut text = Text::default();
        for (table, chains) in &self.chains {
            text.line(format!("*{}", table.as_str()));
            for name in &chains.names {
                text.line(format!(":{name} - [0:0]"));
            }
            for rule in &chains.rules {
                text.line(rule);
            }
            for jump in jumps.iter().filter(|jump| jump.table == *table) {
                text.line(jump.line());
            }
            text.line("COMMIT");
        }
        text.finish()
    }
}

/// A shell line that adds a rule (`-A CHAIN …`, `-I CHAIN …`) unless it is there.
fn ensure(tool: &str, table: Table, rule: &str) -> String {
    let table = table.as_str();
    let rest = rule.get(3..).unwrap_or_default();
    format!("{tool} --wait -t {table} -C {rest} 2>/dev/null || {tool} --wait -t {table} {rule}")
}

#[cfg(test)]
mod tests {
    use super::{IptablesProgram, JumpRule, Position, Table};

    fn program() -> IptablesProgram {
        let mut program = IptablesProgram {
            ensure_jumps: vec![JumpRule {
                table: Table::Nat,
                chain: "OUTPUT",
                position: Position::First,
                matches: &["-m", "addrtype", "--dst-type", "LOCAL"],
                comment: Some("two words"),
                target: "OWN",
            }],
            ..IptablesProgram::default()
        };
        program.chain(Table::Nat, "OWN");
        program.rule(Table::Nat, "OWN -j RETURN");
        program
    }

    #[test]
    fn a_first_sync_adds_the_jump() {
        let expected = "*nat\n:OWN - [0:0]\n-A OWN -j RETURN\n\
            -I OUTPUT -m addrtype --dst-type LOCAL -m comment --comment \"two words\" -j OWN\nCOMMIT\n";
        assert_eq!(program().sync(""), expected);
    }

    #[test]
    fn scripts_add_what_is_missing() {
        let ensure = "iptables --wait -t nat -C OWN -j RETURN 2>/dev/null || iptables --wait -t nat -A OWN -j RETURN\n";
        assert!(program().ensure_script().contains(ensure));
        assert!(program().sync_script().starts_with("iptables-restore --noflush --wait <<'END'\n*nat\n:OWN - [0:0]\n"));
        assert!(program().sync_script().contains("|| iptables --wait -t nat -I OUTPUT -m addrtype"));
    }

    #[test]
    fn a_jump_that_is_there_is_not_added_again() {
        let saved = "*nat\n:OUTPUT ACCEPT [0:0]\n:OWN - [0:0]\n-A OUTPUT -m comment --comment \"two words\" \
            -m addrtype --dst-type LOCAL -j OWN\n-A OWN -j RETURN\nCOMMIT\n";
        assert_eq!(program().sync(saved), program().restore());
        assert!(!program().is_damaged(saved));
        assert!(program().is_damaged(&saved.replace("-A OWN -j RETURN\n", "")));
        assert!(program().is_damaged(&saved.replace("*nat", "*filter")));
    }
}
