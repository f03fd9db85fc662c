//! Reads back what a host's policy is, and compares it with what is declared.

use std::collections::{BTreeMap, BTreeSet};

use super::zones::{self, Listing};
use crate::{
    catalog::distro::{Firewall, Policy, Selinux, SysctlValue, Zone},
    provider::{Command, Machine, MachineError},
};

/// What `firewall-cmd` ends with when it does not know an option: policies came with firewalld 0.9.
const UNKNOWN_OPTION: i32 = 2;

/// How many rules of a kind are shown.
const SHOWN: usize = 3;

/// What a machine's policy was found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// What is as declared, one line each.
    pub holds: Vec<String>,
    /// What is not: the machine is not what the distro's file says.
    pub drift: Vec<String>,
    /// Whether firewalld runs.
    pub firewalld_runs: bool,
}

impl Verified {
    fn compare(&mut self, what: &str, is: &str, declared: &str) {
        if is == declared {
            self.holds.push(format!("{what} is {is}"));
        }
        self.expect(what, is, declared);
    }

    /// Says nothing of what is as it should be.
    fn expect(&mut self, what: &str, is: &str, declared: &str) {
        if is != declared {
            self.drift.push(format!("{what} is {}, not {}", shown(is), shown(declared)));
        }
    }
}

/// Words as they are shown, were there any.
const fn shown(words: &str) -> &str {
    if words.is_empty() { "nothing" } else { words }
}

/// The first of several rules, and how many there are beside: tools like fail2ban add them by the hundred.
pub(super) fn few<'a>(rules: impl Iterator<Item = &'a str>) -> String {
    let rules: Vec<&str> = rules.collect();
    let (first, rest) = rules.split_at(rules.len().min(SHOWN));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    first.join(", ") + &more
}

/// Asks the machine's own programs what holds now.
pub async fn verify(machine: &dyn Machine, policy: &Policy) -> Result<Verified, MachineError> {
    let mut found = Verified::default();
    let (firewalld, ufw) = match &policy.firewall {
        Firewall::Firewalld { .. } => ("active", "inactive"),
        Firewall::Ufw { enabled: true, .. } => ("inactive", "active"),
        Firewall::None | Firewall::Ufw { enabled: false, .. } => ("inactive", "inactive"),
    };
    let (runs, runs_ufw, mode, settings) = tokio::try_join!(
        unit(machine, "is-active", "firewalld"),
        ufw_status(machine),
        selinux(machine),
        sysctls(machine, &policy.sysctls)
    )?;
    found.firewalld_runs = runs == "active";
    found.compare("firewalld", if found.firewalld_runs { "active" } else { "inactive" }, firewalld);
    found.compare("ufw", runs_ufw, ufw);
    if let (Firewall::Firewalld { default_zone, zones, .. }, true) = (&policy.firewall, found.firewalld_runs) {
        firewalld_as_declared(machine, default_zone, zones, &mut found).await?;
    }
    found.compare("SELinux", mode, name(policy.selinux));
    for (key, declared) in &policy.sysctls {
        found.compare(key, &value(&settings, key), &declared.to_string());
    }
    Ok(found)
}

/// All of what lets packets through or keeps them: a zone or policy that somebody added counts as much as one that was
/// changed.
async fn firewalld_as_declared(
    machine: &dyn Machine,
    default_zone: &str,
    declared: &BTreeMap<String, Zone>,
    found: &mut Verified,
) -> Result<(), MachineError> {
    let (at_boot, zone, printed, policies) = tokio::try_join!(
        unit(machine, "is-enabled", "firewalld"),
        firewall_cmd(machine, &["--get-default-zone"]),
        firewall_cmd(machine, &["--list-all-zones"]),
        policies(machine),
    )?;
    found.compare("firewalld at boot", &at_boot, "enabled");
    found.compare("firewalld's default zone", zone.trim(), default_zone);
    let listed = zones::zones(&printed);
    for (name, zone) in declared {
        zone_as_declared(name, zone, &listed.get(name.as_str()).cloned().unwrap_or_default(), found);
    }
    for (name, listing) in listed.iter().filter(|(name, _)| !declared.contains_key(**name)) {
        // A zone is in force where it has one of these; interfaces are in the default zone unless somebody says where.
        let in_force = if *name == default_zone { &["sources"][..] } else { &["interfaces", "sources"] };
        for key in in_force {
            found.expect(&format!("zone {name}: {key}"), &sorted(listing.get(key)), "");
        }
    }
    found.expect("firewalld's policies", &policies, "");
    Ok(())
}

fn zone_as_declared(name: &str, zone: &Zone, is: &Listing<'_>, found: &mut Verified) {
    for (key, declared) in [("services", &zone.services), ("ports", &zone.ports), ("sources", &zone.sources)] {
        let declared: Vec<&str> = declared.iter().map(String::as_str).collect();
        found.compare(&format!("zone {name}: {key}"), &sorted(is.get(key)), &sorted(&declared));
    }
    for (key, declared) in [("forward", zone.forward), ("masquerade", zone.masquerade)] {
        found.compare(&format!("zone {name}: {key}"), &sorted(is.get(key)), if declared { "yes" } else { "no" });
    }
    found.expect(&format!("zone {name}: target"), &sorted(is.get("target")), "default");
    for key in ["protocols", "forward-ports", "source-ports", "icmp-blocks"] {
        found.expect(&format!("zone {name}: {key}"), &sorted(is.get(key)), "");
    }
    found.expect(&format!("zone {name}: rich rules"), &few(is.get("rich rules").iter().copied()), "");
}

/// Policies in force that are not of firewalld's package.
async fn policies(machine: &dyn Machine) -> Result<String, MachineError> {
    let Some(active) = firewall_cmd_if_known(machine, &["--get-active-policies"]).await? else {
        return Ok(String::new());
    };
    let packaged = machine.run(&Command::shell("ls /usr/lib/firewalld/policies 2>/dev/null || :")).await?.text();
    let packaged: BTreeSet<&str> = packaged.split_whitespace().filter_map(|file| file.strip_suffix(".xml")).collect();
    Ok(sorted(&zones::names(&active).filter(|name| !packaged.contains(name)).collect::<Vec<_>>()))
}

/// One answer for all keys; a key that the machine does not have is not in it.
async fn sysctls(machine: &dyn Machine, declared: &BTreeMap<String, SysctlValue>) -> Result<String, MachineError> {
    if declared.is_empty() {
        return Ok(String::new());
    }
    let command = Command::new(["sysctl", "-e"].into_iter().chain(declared.keys().map(String::as_str)));
    Ok(machine.run(&command).await?.text())
}

/// The value of a key in what `sysctl` printed.
fn value(printed: &str, key: &str) -> String {
    let is = printed.lines().find_map(|line| line.split_once('=').filter(|(name, _)| name.trim() == key));
    is.map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

async fn unit(machine: &dyn Machine, question: &str, unit: &str) -> Result<String, MachineError> {
    let output = machine.run(&Command::new(["systemctl", question, unit])).await?;
    Ok(output.text().trim().to_owned())
}

async fn ufw_status(machine: &dyn Machine) -> Result<&'static str, MachineError> {
    match machine.run(&Command::new(["ufw", "status"])).await {
        Ok(output) if output.text().contains("Status: active") => Ok("active"),
        Ok(_) | Err(MachineError::NotStarted { .. }) => Ok("inactive"),
        Err(error) => Err(error),
    }
}

async fn selinux(machine: &dyn Machine) -> Result<&'static str, MachineError> {
    match machine.run(&Command::new(["getenforce"])).await {
        Ok(output) => Ok(match output.text().trim() {
            "Enforcing" => "enforcing",
            "Permissive" => "permissive",
            _ => "disabled",
        }),
        Err(MachineError::NotStarted { .. }) => Ok("disabled"),
        Err(error) => Err(error),
    }
}

async fn firewall_cmd(machine: &dyn Machine, words: &[&str]) -> Result<String, MachineError> {
    let command = Command::new(["firewall-cmd"].iter().chain(words).copied());
    Ok(machine.run(&command).await?.success(machine.name(), &command)?.text())
}

/// The same for a question that older versions do not know: none there.
pub(super) async fn firewall_cmd_if_known(
    machine: &dyn Machine,
    words: &[&str],
) -> Result<Option<String>, MachineError> {
    let command = Command::new(["firewall-cmd"].iter().chain(words).copied());
    let output = machine.run(&command).await?;
    if output.status == UNKNOWN_OPTION {
        return Ok(None);
    }
    Ok(Some(output.success(machine.name(), &command)?.text()))
}

fn sorted(words: &[&str]) -> String {
    words.iter().copied().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

const fn name(mode: Selinux) -> &'static str {
    match mode {
        Selinux::Disabled => "disabled",
        Selinux::Permissive => "permissive",
        Selinux::Enforcing => "enforcing",
    }
}
