//! What of the library a run was to try: of that, and of nothing else, it can say that it is gone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands in a case's id where a remedy's does else.
pub const AS_INSTALLED: &str = "as-installed";

/// What of the library a run was to try.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// Scenarios by id; absent: all that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenarios: Option<Vec<String>>,
    /// Distros by id; absent: each scenario's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distros: Option<Vec<String>>,
    /// Remedies by id; absent: all of each scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedies: Option<Vec<String>>,
    /// Texts of which a case's id must hold one; empty: every case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
}

impl Asked {
    /// Whether a case of this id was to be tried, if there is one. Scenario and distro may be gone.
    #[must_use]
    pub fn holds_case(&self, id: &str) -> bool {
        self.covers(id) && (self.filters.is_empty() || self.filters.iter().any(|filter| id.contains(filter)))
    }

    /// Whether a remedy (`SCENARIO::DISTRO::REMEDY`) was to be tried with all of its paths.
    #[must_use]
    pub fn holds_remedy(&self, id: &str) -> bool {
        self.covers(id) && self.filters.is_empty()
    }

    /// Whether scenario, distro and state of this id were asked for.
    fn covers(&self, id: &str) -> bool {
        let named = |list: &Option<Vec<String>>, name: &str| match list {
            None => true,
            Some(names) => names.iter().any(|one| one == name),
        };
        let mut parts = id.split("::");
        let mut next = || parts.next().unwrap_or_default();
        let (scenario, distro, state) = (next(), next(), next());
        named(&self.scenarios, scenario)
            && named(&self.distros, distro)
            && (state == AS_INSTALLED || named(&self.remedies, state))
    }
}

#[cfg(test)]
mod tests {
    use super::Asked;

    const CASE: &str = "s::d::as-installed::pod-to-service";
    const WITH_REMEDY: &str = "s::d::fix::pod-to-service";
    const REMEDY: &str = "s::d::fix";

    #[test]
    fn what_was_asked_for_holds_what_is_gone_too() {
        let names = |list: &[&str]| Some(list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let all = Asked::default();
        let table = [
            (all.clone(), [true, true, true]),
            (Asked { scenarios: names(&["s"]), ..all.clone() }, [true, true, true]),
            (Asked { scenarios: names(&["other"]), ..all.clone() }, [false, false, false]),
            (Asked { distros: names(&["d", "e"]), ..all.clone() }, [true, true, true]),
            (Asked { distros: names(&["e"]), ..all.clone() }, [false, false, false]),
            (Asked { remedies: names(&[]), ..all.clone() }, [true, false, false]),
            (Asked { remedies: names(&["fix"]), ..all.clone() }, [true, true, true]),
            (Asked { filters: vec!["::fix::".to_owned()], ..all.clone() }, [false, true, false]),
        ];
        for (asked, holds) in table {
            let found = [asked.holds_case(CASE), asked.holds_case(WITH_REMEDY), asked.holds_remedy(REMEDY)];
            assert_eq!(found, holds, "{asked:?}");
        }
    }
}
