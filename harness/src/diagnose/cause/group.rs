//! Cases that fail for the same reason, together.

use super::place::{self, Place};
use crate::{
    diagnose::explain::Explanation,
    model::{AccessPath, PacketWay, Target, report::Cause},
};

/// A cause and the cases that it explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedCause {
    /// The cause.
    pub cause: Cause,
    /// Ids of the cases, in the order of the explanations.
    pub cases: Vec<String>,
    /// The way of the packet that shows it best.
    pub way: PacketWay,
    /// The machines of all of them, that of the way first.
    places: Vec<Place>,
}

/// Groups explanations of one distro by kind, table, chain, rule and owner. Where a cause names none of these but
/// the kind, its sentence counts: two losses without a rule need not be one.
#[must_use]
pub fn group(explanations: &[Explanation]) -> Vec<SharedCause> {
    let mut groups: Vec<SharedCause> = Vec::new();
    for explanation in explanations {
        match groups.iter_mut().find(|group| same(&group.cause, &explanation.cause)) {
            Some(group) => group.add(explanation),
            None => groups.push(SharedCause {
                cause: explanation.cause.clone(),
                cases: vec![explanation.case.clone()],
                way: explanation.way.clone(),
                places: explanation.place.iter().cloned().collect(),
            }),
        }
    }
    for group in &mut groups {
        group.name_all_places();
    }
    groups
}

impl SharedCause {
    fn add(&mut self, explanation: &Explanation) {
        self.cases.push(explanation.case.clone());
        // What is seen without a detour (through the ingress or a name server) shows it best.
        let shown = self.way.case.clone();
        if is_detour(&shown) && !is_detour(&explanation.case) {
            self.cause = explanation.cause.clone();
            self.way = explanation.way.clone();
            self.places.splice(..0, explanation.place.clone());
        }
        self.places.extend(explanation.place.clone());
    }

    /// Each sentence names one machine; that of the group names all of them.
    fn name_all_places(&mut self) {
        let mut places: Vec<Place> = Vec::new();
        for place in self.places.drain(..) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        if let [first, _, ..] = places.as_slice() {
            self.cause.summary = self.cause.summary.replacen(&first.to_string(), &place::all(&places), 1);
        }
        self.places = places;
    }
}

/// Whether the packets that were ended may be others than the case's own.
fn is_detour(case: &str) -> bool {
    let path = case.rsplit("::").next().and_then(|name| name.parse::<AccessPath>().ok());
    path.is_some_and(|path| matches!(path.to, Target::Ingress | Target::ServiceDns))
}

fn same(one: &Cause, other: &Cause) -> bool {
    let key =
        |cause: &Cause| (cause.kind, cause.table.clone(), cause.chain.clone(), cause.rule.clone(), cause.owner.clone());
    let sentence_counts = one.table.is_none() && one.rule.is_none();
    key(one) == key(other) && (!sentence_counts || one.summary == other.summary)
}

#[cfg(test)]
mod tests {
    use super::{Place, group};
    use crate::{
        diagnose::explain::Explanation,
        model::{
            PacketWay,
            report::{Cause, CauseKind},
        },
    };

    fn explanation(id: &str, kind: CauseKind, rule: Option<&str>, summary: &str) -> Explanation {
        let cause = Cause {
            kind,
            table: None,
            chain: None,
            rule: rule.map(str::to_owned),
            owner: None,
            summary: summary.to_owned(),
        };
        let way = PacketWay { case: id.to_owned(), steps: Vec::new() };
        Explanation { case: id.to_owned(), cause, way, place: None }
    }

    #[test]
    fn a_group_names_all_of_its_machines() {
        let on = |path: &str, distro: &str, machine: &str| {
            let summary = format!("{distro} (on {machine}) rejects it: eth0 is in no zone.");
            let id = format!("s::rhel-9.5::as-installed::{path}");
            let place = Some(Place { distro: distro.to_owned(), machine: machine.to_owned() });
            Explanation { place, ..explanation(&id, CauseKind::Tunnel, Some("reject"), &summary) }
        };
        let one = on("pod-to-service", "rhel-9.5", "node-1");
        let sentence =
            |others: &[Explanation]| group(&[std::slice::from_ref(&one), others].concat()).remove(0).cause.summary;
        assert_eq!(sentence(&[on("pod-to-dns", "rhel-9.5", "node-1")]), one.cause.summary);
        assert_eq!(
            sentence(&[on("remote-pod-to-service", "rhel-9.5", "node-2"), on("pod-to-dns", "rhel-9.5", "node-1")]),
            "rhel-9.5 (on node-1 and node-2) rejects it: eth0 is in no zone."
        );
        assert_eq!(
            sentence(&[on("remote-pod-to-service", "rhel-9.5", "node-2"), on("pod-to-dns", "ubuntu-22.04", "node-3")]),
            "rhel-9.5 (on node-1 and node-2, and on node-3, which is ubuntu-22.04) rejects it: eth0 is in no zone."
        );
    }

    #[test]
    fn the_same_rule_is_one_cause_and_two_unknowns_are_two() {
        let groups = group(&[
            explanation(
                "s::d::as-installed::outside-to-ingress",
                CauseKind::FirewallDrop,
                Some("drop"),
                "The ingress fails. It is dropped.",
            ),
            explanation("s::d::as-installed::pod-to-pod-ip", CauseKind::FirewallDrop, Some("drop"), "It is dropped."),
            explanation("a", CauseKind::Unknown, None, "Unknown: a."),
            explanation("b", CauseKind::Unknown, None, "Unknown: b."),
        ]);
        assert_eq!(groups.len(), 3);
        assert_eq!(groups[0].cases.len(), 2);
        assert_eq!(
            (groups[0].cause.summary.as_str(), groups[0].way.case.as_str()),
            ("It is dropped.", "s::d::as-installed::pod-to-pod-ip")
        );
    }
}
