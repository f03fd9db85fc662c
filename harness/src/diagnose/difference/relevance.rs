//! How much a difference bears on what fails.

use super::fact::Fact;
use crate::{
    diagnose::evidence::Area,
    model::{
        Relevance,
        report::{Cause, CauseKind},
    },
};

/// Parts of settings that decide about packets.
const DECISIVE: [&str; 6] = ["ip_forward", ".forwarding", "rp_filter", "proxy_arp", "bridge-nf-call", "accept_local"];

/// How much a fact bears on these causes.
#[must_use]
pub fn relevance(fact: &Fact, causes: &[&Cause]) -> Relevance {
    if causes.iter().any(|cause| belongs(fact, cause)) {
        return Relevance::Cause;
    }
    match fact.area {
        Area::Firewalld | Area::Ufw | Area::Nftables | Area::Iptables | Area::Routes | Area::Selinux => {
            Relevance::Likely
        }
        Area::Sysctl if DECISIVE.iter().any(|part| fact.item.contains(part)) => Relevance::Likely,
        Area::Interfaces => Relevance::Likely,
        _ => Relevance::Background,
    }
}

/// Whether a fact is about the owner of a cause, or about the setting or the kind of thing that it names.
fn belongs(fact: &Fact, cause: &Cause) -> bool {
    let owner = cause.owner.as_deref().unwrap_or_default();
    let table = cause.table.as_deref().unwrap_or_default();
    let zone = owner.strip_prefix("firewalld zone ");
    let of_owner = match fact.area {
        // Of firewalld's zones the one that ended the packet counts, and what makes packets end up in it.
        Area::Firewalld => match (zone, fact.item.strip_prefix("zone ")) {
            (Some(zone), Some(item)) => {
                item.starts_with(&format!("{zone}:")) || item.ends_with(": interfaces") || item.ends_with(": sources")
            }
            _ => owner.starts_with("firewalld"),
        },
        Area::Ufw => owner == "ufw",
        Area::Nftables | Area::Iptables => {
            let name = table.split_once(' ').map_or(table, |(_, name)| name);
            !name.is_empty() && fact.item.split(' ').any(|word| word == name)
        }
        Area::Sysctl => {
            let setting = cause.rule.as_deref().and_then(|rule| rule.split(" = ").next());
            setting.is_some_and(|setting| setting == fact.item)
        }
        _ => false,
    };
    of_owner || of_kind(fact.area, cause.kind)
}

const fn of_kind(area: Area, kind: CauseKind) -> bool {
    matches!(
        (kind, area),
        (CauseKind::NoRoute, Area::Routes) | (CauseKind::Mtu, Area::Interfaces) | (CauseKind::Checksum, Area::Offloads)
    )
}
