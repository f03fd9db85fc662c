//! Cases that fail for the same reason, together.

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
            }),
        }
    }
    groups
}

impl SharedCause {
    fn add(&mut self, explanation: &Explanation) {
        self.cases.push(explanation.case.clone());
        // What is seen without a detour (through the ingress) shows it best.
        let shown = self.way.case.clone();
        if is_detour(&shown) && !is_detour(&explanation.case) {
            self.cause = explanation.cause.clone();
            self.way = explanation.way.clone();
        }
    }
}

/// Whether the case's own packets are not the ones that were ended.
fn is_detour(case: &str) -> bool {
    let path = case.rsplit("::").next().and_then(|name| name.parse::<AccessPath>().ok());
    path.is_some_and(|path| path.to == Target::Ingress)
}

fn same(one: &Cause, other: &Cause) -> bool {
    let key =
        |cause: &Cause| (cause.kind, cause.table.clone(), cause.chain.clone(), cause.rule.clone(), cause.owner.clone());
    let sentence_counts = one.table.is_none() && one.rule.is_none();
    key(one) == key(other) && (!sentence_counts || one.summary == other.summary)
}

#[cfg(test)]
mod tests {
    use super::group;
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
        Explanation { case: id.to_owned(), cause, way: PacketWay { case: id.to_owned(), steps: Vec::new() } }
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
