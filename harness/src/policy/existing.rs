//! What hosts that exist may have, and no machine has that is made for a lab: direct rules of firewalld, and
//! configuration of it that is written and comes into force with the next reload.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    verify::{Verified, few, firewall_cmd_if_known, verify},
    zones::{self, Listing},
};
use crate::{
    catalog::distro::Policy,
    provider::{Machine, MachineError},
};

/// Asks the programs of a host that somebody else looks after what holds now, and what a reload would change.
pub async fn verify_existing(machine: &dyn Machine, policy: &Policy) -> Result<Verified, MachineError> {
    let mut found = verify(machine, policy).await?;
    if found.firewalld_runs {
        match firewalld(machine).await {
            Ok(more) => found.drift.extend(more),
            Err(error) if error.is_transport() => return Err(error),
            // That explains verdicts, and is no reason to have none.
            Err(error) => found.drift.push(format!("what a reload of firewalld would change is not known: {error}")),
        }
    }
    Ok(found)
}

/// One line for each difference. The questions come one after the other: sshd lets in so many sessions.
async fn firewalld(machine: &dyn Machine) -> Result<Vec<String>, MachineError> {
    let mut drift = Vec::new();
    for (what, question) in [("zone", "--list-all-zones"), ("policy", "--list-all-policies")] {
        if let Some((loaded, written)) = both(machine, &[question]).await? {
            drift.extend(not_loaded(what, &zones::zones(&loaded), &zones::zones(&written)));
        }
    }
    for (what, question) in [("rules", "--get-all-rules"), ("passthroughs", "--get-all-passthroughs")] {
        if let Some((loaded, written)) = both(machine, &["--direct", question]).await? {
            drift.extend(direct(&format!("firewalld's direct {what}"), &rules(&loaded), &rules(&written)));
        }
    }
    Ok(drift)
}

/// What firewalld answers of what is in force, and of what is written; none where it knows no such question.
async fn both(machine: &dyn Machine, question: &[&str]) -> Result<Option<(String, String)>, MachineError> {
    let permanent = [&["--permanent"], question].concat();
    let (loaded, written) =
        tokio::try_join!(firewall_cmd_if_known(machine, question), firewall_cmd_if_known(machine, &permanent))?;
    Ok(loaded.zip(written))
}

/// What a reload changes of zones or policies. Interfaces come from others than firewalld's files.
fn not_loaded(what: &str, loaded: &Listings<'_>, written: &Listings<'_>) -> Vec<String> {
    // Of a zone in several files, `public/*.xml`, each is listed as it is written, and their sum as it is loaded.
    let parts: BTreeSet<&str> = written.keys().filter_map(|name| Some(name.split_once('/')?.0)).collect();
    let names: BTreeSet<&str> = loaded.keys().chain(written.keys()).copied().collect();
    let mut lines = Vec::new();
    for name in names.into_iter().filter(|name| !name.contains('/') && !parts.contains(name)) {
        match (loaded.get(name), written.get(name)) {
            (None, _) => lines.push(format!("{what} {name} is not there, and comes with a reload")),
            (_, None) => lines.push(format!("{what} {name} is there, and goes with a reload")),
            (Some(is), Some(then)) => {
                let keys: BTreeSet<&str> = is.keys().chain(then.keys()).filter(|key| *key != "interfaces").collect();
                for key in keys {
                    lines.extend(moves(&format!("{what} {name}: {key}"), is.get(key), then.get(key)));
                }
            }
        }
    }
    lines
}

type Listings<'a> = BTreeMap<&'a str, Listing<'a>>;

/// What a reload takes away, and what it brings.
fn moves(what: &str, is: &[&str], then: &[&str]) -> Vec<String> {
    let without = |all: &[&str], those: &[&str]| few(all.iter().copied().filter(|one| !those.contains(one)));
    [(without(is, then), "until a reload"), (without(then, is), "after a reload")]
        .into_iter()
        .filter(|(words, _)| !words.is_empty())
        .map(|(words, when)| format!("{what} is {words} {when}"))
        .collect()
}

fn rules(printed: &str) -> Vec<&str> {
    printed.lines().map(str::trim).filter(|rule| !rule.is_empty()).collect()
}

/// Direct rules: those in force, and what a reload does to them.
fn direct(what: &str, is: &[&str], then: &[&str]) -> Vec<String> {
    let there = (!is.is_empty()).then(|| format!("{what} is {}, not nothing", few(is.iter().copied())));
    there.into_iter().chain(moves(what, is, then)).collect()
}

#[cfg(test)]
mod tests {
    use super::{direct, not_loaded, rules};
    use crate::policy::zones::zones;

    #[test]
    fn what_a_reload_would_change_is_told() {
        let loaded = "public (active)\n  target: default\n  interfaces: eth0\n  services: ssh cockpit\n  rich rules: \n\
            trusted\n  target: ACCEPT\n  sources: \nold\n  target: DROP\n";
        let written = "public\n  target: default\n  interfaces: \n  services: cockpit ssh\n  rich rules: \n\
            \trule protocol value=\"esp\" accept\ntrusted\n  target: ACCEPT\n  sources: 10.1.0.0/16\n\
            pods\n  target: DROP\n";
        let (loaded, written) = (zones(loaded), zones(written));
        assert_eq!(not_loaded("zone", &loaded, &loaded), [""; 0]);
        assert_eq!(
            not_loaded("zone", &loaded, &written),
            [
                "zone old is there, and goes with a reload",
                "zone pods is not there, and comes with a reload",
                "zone public: rich rules is rule protocol value=\"esp\" accept after a reload",
                "zone trusted: sources is 10.1.0.0/16 after a reload",
            ]
        );
    }

    #[test]
    fn a_zone_in_several_files_is_left_out() {
        let loaded = zones("public\n  ports: 1/tcp 2/tcp\n");
        let written = zones("public\n  ports: 1/tcp\npublic/two\n  ports: 2/tcp\n");
        assert_eq!(not_loaded("zone", &loaded, &written), [""; 0]);
    }

    #[test]
    fn direct_rules_are_told_with_what_comes() {
        assert_eq!(direct("rules", &rules("\n"), &[]), [""; 0]);
        let is = rules("ipv4 filter FORWARD 0 -j ACCEPT\nipv4 filter INPUT 0 -j DROP\n");
        assert_eq!(
            direct("rules", &is, &["a", "b", is[0], "c", "d", "e"]),
            [
                "rules is ipv4 filter FORWARD 0 -j ACCEPT, ipv4 filter INPUT 0 -j DROP, not nothing",
                "rules is ipv4 filter INPUT 0 -j DROP until a reload",
                "rules is a, b, c and 2 more after a reload",
            ]
        );
    }
}
