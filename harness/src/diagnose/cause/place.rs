//! On which machine a packet ended, as sentences name it.

use std::fmt;

use super::evidence::CaseEvidence;

/// A machine of a cluster of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its distro's id.
    pub distro: String,
    /// Its name.
    pub machine: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (on {})", self.distro, self.machine)
    }
}

impl Place {
    /// Where there is one machine only, its distro says it all.
    pub(super) fn of(evidence: &CaseEvidence<'_>, machine: usize) -> Option<Self> {
        let several = evidence.machines.len() > 1;
        several
            .then(|| Self { distro: evidence.distro(machine).to_owned(), machine: evidence.name(machine).to_owned() })
    }
}

/// The distro, and the machine where there are several.
pub(super) fn who(evidence: &CaseEvidence<'_>, machine: usize) -> String {
    Place::of(evidence, machine).map_or_else(|| evidence.distro(machine).to_owned(), |place| place.to_string())
}

/// All of these in one: `rhel-9.5 (on node-1 and node-2)`, `rhel-9.5 (on node-2, and on node-1, which is ubuntu-22.04)`.
pub(super) fn all(places: &[Place]) -> String {
    let Some(first) = places.first() else { return String::new() };
    let mut alike: Vec<&str> =
        places.iter().filter(|place| place.distro == first.distro).map(|place| place.machine.as_str()).collect();
    alike.sort_unstable();
    let others = places.iter().filter(|place| place.distro != first.distro);
    let others: Vec<String> =
        others.map(|place| format!(", and on {}, which is {}", place.machine, place.distro)).collect();
    format!("{} (on {}{})", first.distro, list(&alike), others.concat())
}

fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [some @ .., last] => format!("{} and {last}", some.join(", ")),
    }
}
