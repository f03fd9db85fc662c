//! What is not the same on every distro.

use crate::{
    model::{Relevance, report::Report},
    report::text::clean,
};

/// The differences of one relevance.
pub(super) struct DifferenceTable {
    pub(super) title: &'static str,
    /// Whether it is shown without being asked for.
    pub(super) open: bool,
    pub(super) distros: Vec<String>,
    pub(super) rows: Vec<DifferenceRow>,
}

/// One difference.
pub(super) struct DifferenceRow {
    pub(super) area: String,
    pub(super) item: String,
    /// Distro and value, in the order of the columns.
    pub(super) values: Vec<(String, Option<String>)>,
}

impl DifferenceTable {
    /// One table per relevance that occurs, the most relevant first.
    pub(super) fn all(report: &Report) -> Vec<Self> {
        let titles = [
            (Relevance::Cause, "Where the cause is", true),
            (Relevance::Likely, "Decides about packets too", true),
            (Relevance::Background, "Everything else that differs", false),
        ];
        let tables = titles.into_iter().map(|(relevance, title, open)| Self::of(report, relevance, title, open));
        tables.filter(|table| !table.rows.is_empty()).collect()
    }

    fn of(report: &Report, relevance: Relevance, title: &'static str, open: bool) -> Self {
        let differences = || report.differences.iter().filter(move |difference| difference.relevance == relevance);
        let mut ids: Vec<&str> = report.distros.iter().map(|distro| distro.id.as_str()).collect();
        let others = differences().flat_map(|difference| difference.values.keys().map(String::as_str));
        for id in others {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.retain(|id| differences().any(|difference| difference.values.contains_key(*id)));
        let value = |difference: &crate::model::Difference, id: &str| {
            (clean(id).into_owned(), difference.values.get(id).map(|value| clean(value).into_owned()))
        };
        let rows = differences().map(|difference| DifferenceRow {
            area: match &difference.scenario {
                Some(scenario) => clean(&format!("{} in {scenario}", difference.area)).into_owned(),
                None => clean(&difference.area).into_owned(),
            },
            item: clean(&difference.item).into_owned(),
            values: ids.iter().map(|id| value(difference, id)).collect(),
        });
        let rows = rows.collect();
        Self { title, open, distros: ids.iter().map(|id| clean(id).into_owned()).collect(), rows }
    }
}

/// Of which scenarios distros are not compared, where there are such.
pub(super) fn not_compared(report: &Report) -> Option<String> {
    let scenarios = &report.run.not_compared;
    let sentence = "Not compared are distributions that were in different shards of a run, in";
    (!scenarios.is_empty()).then(|| clean(&format!("{sentence} {}.", scenarios.join(", "))).into_owned())
}
