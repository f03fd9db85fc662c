//! Facts about a machine, read from its evidence: each has a name and a value in a few words.

use std::collections::{BTreeMap, BTreeSet};

use super::normal;
use crate::diagnose::{
    evidence::{Area, Evidence},
    state::{Ruleset, SavedRules},
};

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// Part of the system.
    pub area: Area,
    /// What it is about.
    pub item: String,
    /// Its value.
    pub value: String,
}

/// Settings that are counters, sizes of memory, or random by design.
const RESTLESS: [&str; 12] = [
    "nf_conntrack_count",
    "nf_conntrack_max",
    "nf_conntrack_buckets",
    "_mem",
    "stable_secret",
    "tcp_fastopen_key",
    "random",
    "entries",
    "max_tw_buckets",
    "max_orphans",
    "gc_thresh",
    "base_reachable_time_ms",
];

/// Keys of zones that say something when they are empty.
const TELLING: [&str; 2] = ["interfaces", "sources"];

/// Values of what is switched off.
const OFF: [&str; 2] = ["nothing", "no"];

/// The facts in a machine's evidence.
#[must_use]
pub fn facts(evidence: &Evidence) -> Vec<Fact> {
    let mut all = Facts::default();
    all.firewalld(evidence);
    all.ufw(evidence);
    all.nftables(evidence);
    all.iptables(evidence);
    all.sysctls(evidence);
    all.lines(evidence, Area::Routes, "routes", "route");
    all.lines(evidence, Area::Routes, "rules", "rule");
    all.lines(evidence, Area::NetworkManager, "devices", "device");
    all.lines(evidence, Area::Modules, "modules", "module");
    all.interfaces(evidence);
    all.offloads(evidence);
    all.firsts(evidence);
    all.logs(evidence);
    all.0.into_iter().map(|((area, item), value)| Fact { area, item, value }).collect()
}

/// Facts by area and item.
#[derive(Default)]
struct Facts(BTreeMap<(Area, String), String>);

impl Facts {
    fn add(&mut self, area: Area, item: impl Into<String>, value: impl Into<String>) {
        self.0.insert((area, item.into()), value.into());
    }

    fn firewalld(&mut self, evidence: &Evidence) {
        let area = Area::Firewalld;
        let running = evidence.text(area, "state").is_some_and(|state| state.contains("running"));
        self.add(area, "state", if running { "running" } else { "not running" });
        let default = evidence.text(area, "default-zone").map(str::trim).unwrap_or_default();
        if !default.is_empty() {
            self.add(area, "default zone", default);
        }
        for (kind, name) in [("zone", "zones"), ("policy", "policies")] {
            self.sections(kind, evidence.text(area, name).unwrap_or_default(), default);
        }
        self.settings(evidence, area, "files", "firewalld.conf");
    }

    /// `public (active)`, then `  key: value` lines. Zones and policies that no packet gets into are left out, and
    /// what is switched off in the others, but for the interfaces and sources, whose absence says something.
    fn sections(&mut self, kind: &str, text: &str, default: &str) {
        let mut subject = None;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if !line.starts_with(char::is_whitespace) {
                let mut words = line.split_whitespace();
                let name = words.next().unwrap_or_default();
                subject = (words.next() == Some("(active)") || name == default).then(|| format!("{kind} {name}"));
            } else if let (Some(subject), Some((key, value))) = (&subject, line.trim().split_once(':')) {
                let value = or_nothing(value);
                if TELLING.contains(&key) || !OFF.contains(&value.as_str()) {
                    self.add(Area::Firewalld, format!("{subject}: {key}"), value);
                }
            }
        }
    }

    fn ufw(&mut self, evidence: &Evidence) {
        let area = Area::Ufw;
        let Some(status) = evidence.text(area, "status") else {
            self.add(area, "status", "not installed");
            return;
        };
        for line in status.lines() {
            if let Some((key, value)) = line.split_once(": ") {
                self.add(area, key.to_lowercase(), value.trim());
            } else if ["ALLOW", "DENY", "REJECT", "LIMIT"].iter().any(|action| line.contains(action)) {
                self.add(area, format!("rule {}", normal::line(line)), "present");
            }
        }
        self.settings(evidence, area, "files", "/etc/default/ufw");
    }

    /// `KEY=value` lines of one of the collected files.
    fn settings(&mut self, evidence: &Evidence, area: Area, item: &str, file: &str) {
        let mut here = false;
        for line in evidence.text(area, item).unwrap_or_default().lines() {
            if let Some(path) = line.strip_prefix("# /") {
                here = format!("/{path}").ends_with(file);
            } else if let (true, false, Some((key, value))) = (here, line.starts_with('#'), line.split_once('=')) {
                self.add(area, format!("{}: {}", file.rsplit('/').next().unwrap_or(file), key.trim()), value.trim());
            }
        }
    }

    fn nftables(&mut self, evidence: &Evidence) {
        let ruleset = Ruleset::parse(evidence.text(Area::Nftables, "ruleset").unwrap_or_default());
        let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
        for chain in &ruleset.chains {
            *rules.entry(&chain.table).or_default() += chain.rules.len();
            if chain.base.as_ref().is_some_and(|base| base.contains("policy drop")) {
                self.add(Area::Nftables, format!("{} {}: policy", chain.table, chain.name), "drop");
            }
        }
        for (table, rules) in rules {
            self.add(Area::Nftables, format!("table {table}"), format!("{rules} rules"));
        }
    }

    fn iptables(&mut self, evidence: &Evidence) {
        for (name, variant) in [("save", "iptables"), ("save6", "ip6tables"), ("legacy", "legacy iptables")] {
            let saved = SavedRules::parse(evidence.text(Area::Iptables, name).unwrap_or_default());
            for (table, policies) in &saved.policies {
                for (chain, (policy, _)) in policies {
                    self.add(Area::Iptables, format!("{variant} {table} {chain}: policy"), policy.as_str());
                }
            }
            for (table, chains) in &saved.tables {
                let rules: usize = chains.values().map(Vec::len).sum();
                self.add(Area::Iptables, format!("{variant} {table}"), format!("{rules} rules"));
            }
        }
    }

    fn sysctls(&mut self, evidence: &Evidence) {
        for line in evidence.text(Area::Sysctl, "net").unwrap_or_default().lines() {
            let Some((key, value)) = line.split_once(" = ") else { continue };
            if RESTLESS.iter().any(|restless| key.contains(restless)) {
                continue;
            }
            let parts: Vec<String> = key.split('.').map(normal::word).collect();
            self.add(Area::Sysctl, parts.join("."), value.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }

    /// Each line is a fact of its own, present or not.
    fn lines(&mut self, evidence: &Evidence, area: Area, name: &str, kind: &str) {
        let lines: BTreeSet<String> = evidence.text(area, name).unwrap_or_default().lines().map(normal::line).collect();
        for line in lines.into_iter().filter(|line| !line.is_empty()) {
            self.add(area, format!("{kind} {line}"), "present");
        }
    }

    /// `2: eth0: <…> mtu 1500 … state UP`, and kinds of links.
    fn interfaces(&mut self, evidence: &Evidence) {
        for line in evidence.text(Area::Interfaces, "addresses").unwrap_or_default().lines() {
            if line.starts_with(char::is_whitespace) {
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let Some(name) = words.get(1).map(|name| interface_name(name)) else { continue };
            let mtu = words.iter().position(|word| *word == "mtu").and_then(|at| words.get(at + 1));
            self.add(Area::Interfaces, format!("{name}: MTU"), mtu.copied().unwrap_or("unknown"));
        }
    }

    /// `# eth0`, then `feature: on`.
    fn offloads(&mut self, evidence: &Evidence) {
        let mut name = String::new();
        for line in evidence.text(Area::Offloads, "features").unwrap_or_default().lines() {
            if let Some(link) = line.strip_prefix("# ") {
                name = interface_name(link);
            } else if let Some((feature, value)) = line.split_once(": ") {
                let value = value.split_whitespace().next().unwrap_or_default();
                self.add(Area::Offloads, format!("{name}: {}", feature.trim()), value);
            }
        }
    }

    /// Items whose first line says it all.
    fn firsts(&mut self, evidence: &Evidence) {
        let whole = evidence.collected.iter().filter(|one| {
            matches!(one.area, Area::Versions | Area::Selinux) || (one.area, one.name.as_str()) == CLOUD_SETUP
        });
        for one in whole {
            let value = match one.status {
                None | Some(127) => "not installed",
                Some(_) => one.text.lines().next().unwrap_or_default().trim(),
            };
            let value = if one.name == "os-release" { pretty_name(&one.text).unwrap_or(value) } else { value };
            self.add(one.area, one.name.as_str(), value);
        }
    }

    fn logs(&mut self, evidence: &Evidence) {
        for one in evidence.collected.iter().filter(|one| one.area == Area::Logs) {
            let errors = one.text.lines().filter(|line| is_error(line)).count();
            self.add(Area::Logs, format!("{}: lines of log", one.name), one.text.lines().count().to_string());
            self.add(Area::Logs, format!("{}: errors in the log", one.name), errors.to_string());
        }
    }
}

const CLOUD_SETUP: (Area, &str) = (Area::NetworkManager, "cloud-setup");

fn or_nothing(value: &str) -> String {
    let value = value.trim();
    if value.is_empty() { "nothing".to_owned() } else { normal::line(value) }
}

fn interface_name(name: &str) -> String {
    normal::word(name.trim_end_matches(':').split('@').next().unwrap_or(name))
}

fn pretty_name(os_release: &str) -> Option<&str> {
    Some(os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?.trim_matches('"'))
}

/// klog's `E0423 …` and `F0423 …`, structured levels, and the words themselves.
fn is_error(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let klog =
        line.starts_with(['E', 'F']) && line.len() > 5 && line[1..].starts_with(|digit: char| digit.is_ascii_digit());
    klog || ["error", "fatal", "panic"].iter().any(|word| lower.contains(word))
}
