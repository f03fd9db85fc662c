//! A routing rule that leads packets of some sources past the table that knows the way.

use std::net::IpAddr;

use super::{evidence::CaseEvidence, finding::Finding, firewall::interface_name, flow::Seen, place::who};
use crate::{
    diagnose::{
        state::{MachineState, Route, RouteAnswer, RouteQuery},
        trace::Passage,
    },
    model::report::CauseKind,
};

/// Numbers of nm-cloud-setup's tables: one of each kind for every interface.
const NM_CLOUD_SETUP: std::ops::Range<u32> = 30_200..30_600;

/// A routing rule that decided about a packet.
pub(super) struct Decisive<'a> {
    /// With the command that shows it: `ip rule 30400: from 192.0.2.11 lookup 30400`.
    pub rule: String,
    /// Whose it is, where that is known.
    pub owner: Option<&'static str>,
    /// The way that it leads.
    pub route: &'a Route,
}

/// The question for the way that a packet took: by its source before any translation of it.
pub(super) fn question(passage: &Passage) -> Option<RouteQuery> {
    let (first, to) = (&passage.first, passage.last.daddr?);
    let from = first.saddr?;
    Some(match &first.iif {
        Some(iif) => RouteQuery::through(to, from, iif),
        None => RouteQuery::own_from(to, from),
    })
}

/// The rule by which the routing code answers this question from a table of its own.
pub(super) fn decisive<'a>(state: &'a MachineState, query: &RouteQuery) -> Option<Decisive<'a>> {
    let Some(RouteAnswer::Route(route)) = state.routes.get(query) else { return None };
    let table = route.table.as_deref()?;
    let rule = state.rules.iter().find(|rule| rule.leads(query.from.unwrap_or(query.to), table))?;
    let known = table.parse().is_ok_and(|number| NM_CLOUD_SETUP.contains(&number));
    Some(Decisive { rule: format!("ip rule {}", rule.text), owner: known.then_some("nm-cloud-setup"), route })
}

/// The packet left by another way than its destination's, because of where it comes from.
pub(super) fn astray<'a>(evidence: &CaseEvidence<'a>, seen: &Seen<'a>) -> Option<Finding<'a>> {
    let state = &evidence.machines[seen.machine].state;
    let query = question(seen.passage)?;
    let Decisive { rule, owner, route } = decisive(state, &query)?;
    let Some(RouteAnswer::Route(normal)) = state.route(query.to) else { return None };
    if (&route.dev, route.via) == (&normal.dev, normal.via) || route.dev != seen.passage.last.oif {
        return None;
    }
    let of = owner.map(|owner| format!("{owner}'s routing rule ")).unwrap_or_default();
    let summary = format!(
        "{} leads it astray: {of}`{rule}` sends what comes from {} to {} by {}, though the way to {} is by {}.",
        who(evidence, seen.machine),
        query.from.map(|from| from.to_string()).unwrap_or_default(),
        query.to,
        way(route),
        query.to,
        way(normal),
    );
    let observed = format!("by {}, says `{rule}`", way(route));
    let mut finding = Finding::new(CauseKind::NoRoute, summary).seen(*seen).lost(seen.machine, "routing", observed);
    finding.cause.owner = owner.map(str::to_owned);
    Some(finding.setting(rule))
}

/// `eth0 for the gateway 192.0.2.1`.
pub(super) fn way(route: &Route) -> String {
    let dev = route.dev.as_deref().map_or_else(|| "no interface".to_owned(), interface_name);
    let gateway = |via: IpAddr| format!(" for the gateway {via}");
    format!("{dev}{}", route.via.map(gateway).unwrap_or_default())
}
