//! What hosts that exist may have, and no machine has that is made for a lab: direct rules of firewalld, and
//! configuration of it that is written and comes into force with the next reload.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    verify::{UNKNOWN_OPTION, Verified, shown, sorted, verify},
    zones::{self, Listing},
};
use crate::{
    catalog::distro::Policy,
    provider::{Command, Machine, MachineError},
};

/// What `firewall-cmd` ends with when firewalld does not run.
const NOT_RUNNING: i32 = 252;

/// How many direct rules are shown; tools like fail2ban add them by the hundred.
const SHOWN: usize = 3;

/// Asks the programs of a host that somebody else looks after what holds now, and what a reload would change.
pub async fn verify_existing(machine: &dyn Machine, policy: &Policy) -> Result<Verified, MachineError> {
    let (mut found, more) = tokio::try_join!(verify(machine, policy), firewalld(machine))?;
    found.drift.extend(more);
    Ok(found)
}

/// One line for each difference.
async fn firewalld(machine: &dyn Machine) -> Result<Vec<String>, MachineError> {
    let (zones, policies, rules, passthroughs) = tokio::try_join!(
        both(machine, &["--list-all-zones"]),
        both(machine, &["--list-all-policies"]),
        both(machine, &["--direct", "--get-all-rules"]),
        both(machine, &["--direct", "--get-all-passthroughs"]),
    )?;
    let mut drift = Vec::new();
    for (what, answers) in [("zone", zones), ("policy", policies)] {
        if let Some((loaded, written)) = answers {
            drift.extend(not_loaded(what, &zones::zones(&loaded), &zones::zones(&written)));
        }
    }
    for (what, answers) in [("rules", rules), ("passthroughs", passthroughs)] {
        if let Some((loaded, written)) = answers {
            drift.extend(direct(what, &loaded, &written));
        }
    }
    Ok(drift)
}

/// What firewalld answers of what is in force, and of what is written; none where it does not run, or knows no such
/// question.
async fn both(machine: &dyn Machine, question: &[&str]) -> Result<Option<(String, String)>, MachineError> {
    let (loaded, written) = tokio::try_join!(ask(machine, &[], question), ask(machine, &["--permanent"], question))?;
    Ok(loaded.zip(written))
}

async fn ask(machine: &dyn Machine, of: &[&str], question: &[&str]) -> Result<Option<String>, MachineError> {
    let command = Command::new(["firewall-cmd"].iter().chain(of).chain(question).copied());
    let output = match machine.run(&command).await {
        Err(MachineError::NotStarted { .. }) => return Ok(None),
        answer => answer?,
    };
    if [UNKNOWN_OPTION, NOT_RUNNING].contains(&output.status) {
        return Ok(None);
    }
    Ok(Some(output.success(machine.name(), &command)?.text()))
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
                    let (is, then) = (sorted(is.get(key)), sorted(then.get(key)));
                    if is != then {
                        let (is, then) = (shown(&is), shown(&then));
                        lines.push(format!("{what} {name}: {key} is {is}, and {then} after a reload"));
                    }
                }
            }
        }
    }
    lines
}

type Listings<'a> = BTreeMap<&'a str, Listing<'a>>;

/// Direct rules: those in force, and those that a reload brings.
fn direct(what: &str, loaded: &str, written: &str) -> Vec<String> {
    let rules = |printed| str::lines(printed).map(str::trim).filter(|rule| !rule.is_empty()).collect::<Vec<_>>();
    let is = rules(loaded);
    let more: Vec<&str> = rules(written).into_iter().filter(|rule| !is.contains(rule)).collect();
    [(is, "is", ", not nothing"), (more, "will be", " after a reload")]
        .into_iter()
        .filter(|(rules, ..)| !rules.is_empty())
        .map(|(rules, verb, end)| format!("firewalld's direct {what} {verb} {}{end}", few(&rules)))
        .collect()
}

/// The first of them, and how many there are beside.
fn few(rules: &[&str]) -> String {
    let (first, rest) = rules.split_at(rules.len().min(SHOWN));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    first.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::{direct, not_loaded};
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
                "zone public: rich rules is nothing, and rule protocol value=\"esp\" accept after a reload",
                "zone trusted: sources is nothing, and 10.1.0.0/16 after a reload",
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
        assert_eq!(direct("rules", "\n", ""), [""; 0]);
        let (one, all) = ("ipv4 filter FORWARD 0 -j ACCEPT\n", "a\nb\nipv4 filter FORWARD 0 -j ACCEPT\nc\nd\ne\n");
        assert_eq!(
            direct("rules", one, all),
            [
                "firewalld's direct rules is ipv4 filter FORWARD 0 -j ACCEPT, not nothing",
                "firewalld's direct rules will be a, b, c and 2 more after a reload",
            ]
        );
    }
}
