//! What each remedy repairs and opens.

use super::case::Badge;
use crate::{
    model::{RemedyVerdict, report::Report},
    report::{
        matrix::Matrix,
        remedy::{Remedied, change, not_applicable},
        text::clean,
    },
};

/// The remedies on one distro.
pub(super) struct RemedyTable {
    pub(super) distro: String,
    pub(super) rows: Vec<RemedyRow>,
    /// Reasons, with the ids of those that are not for it.
    pub(super) not_applicable: Vec<(String, String)>,
}

/// One remedy.
pub(super) struct RemedyRow {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) recommended: bool,
    pub(super) badge: Badge,
    /// Whether the run says anything of it.
    pub(super) judged: bool,
    /// What is to be said when the scenario names another verdict.
    pub(super) change: Option<String>,
    pub(super) repairs: String,
    /// What is left after a firewall reload.
    pub(super) reload: &'static str,
    pub(super) opens: Vec<u16>,
    pub(super) closes: Vec<u16>,
    pub(super) detail: String,
}

impl RemedyTable {
    /// One table per distro that has remedies.
    pub(super) fn all(report: &Report, matrix: &Matrix<'_>) -> Vec<Self> {
        let of = |distro: &str| {
            let all = Remedied::all(report, matrix, distro);
            let (apply, not): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|one| one.remedy.verdict != RemedyVerdict::NotApplicable);
            Self {
                distro: clean(distro).into_owned(),
                rows: apply.iter().map(row).collect(),
                not_applicable: not_applicable(&not),
            }
        };
        let tables = matrix.distros().into_iter().map(of);
        tables.filter(|table| !table.rows.is_empty() || !table.not_applicable.is_empty()).collect()
    }
}

fn row(one: &Remedied<'_>) -> RemedyRow {
    let remedy = one.remedy;
    RemedyRow {
        id: clean(&remedy.id).into_owned(),
        title: clean(&remedy.title).into_owned(),
        recommended: remedy.recommended,
        badge: if one.judged { Badge::of_remedy(remedy.verdict) } else { Badge::NOT_JUDGED },
        judged: one.judged,
        change: change(remedy),
        repairs: if one.judged { format!("{} of {}", remedy.fixed, one.failing) } else { "–".to_owned() },
        reload: match (one.reload_matters(), remedy.survives_reload) {
            (false, _) => "–",
            (true, true) => "stays",
            (true, false) => "is lost",
        },
        opens: remedy.opens.clone(),
        closes: remedy.closes.clone(),
        detail: clean(&remedy.detail).into_owned(),
    }
}
