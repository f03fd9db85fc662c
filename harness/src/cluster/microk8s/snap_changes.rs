//! What `snap changes` says of the work that snapd has under way. Pure.

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapChange {
    /// Number, for `snap tasks`.
    pub id: String,
    /// `Do`, `Doing`, `Done`, `Error`, `Undone`, `Hold`, …
    pub status: String,
    /// What it is for: `Install "microk8s" snap from "1.32/stable" channel`.
    pub summary: String,
}

impl SnapChange {
    /// Whether snapd still works on it.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        ["Do", "Doing", "Undo", "Undoing", "Abort", "Wait"].contains(&self.status.as_str())
    }
}

/// The changes, oldest first. What is not of the table's shape is left out: this is for messages only.
#[must_use]
pub fn parse(text: &str) -> Vec<SnapChange> {
    let Some(at) = text.lines().next().and_then(|header| column(header, "Summary")) else { return Vec::new() };
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let (id, status) = (words.next()?, words.next()?);
        let summary: String = line.chars().skip(at).collect();
        Some(SnapChange { id: id.to_owned(), status: status.to_owned(), summary: summary.trim().to_owned() })
    };
    text.lines().skip(1).filter_map(row).collect()
}

/// Where a title stands, in characters: cells may hold more than ASCII.
fn column(header: &str, title: &str) -> Option<usize> {
    header.find(title).map(|byte| header[..byte].chars().count())
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// The columns of snapd's `cmd/snap/cmd_changes.go`.
    const CHANGES: &str = "ID   Status  Spawn               Ready               Summary
1    Done    today at 10:58 UTC  today at 10:58 UTC  Initialize system state
2    Doing   today at 10:59 UTC  -                   Install \"microk8s\" snap from \"1.32/stable\" channel
";

    #[test]
    fn the_last_row_is_the_newest() {
        let all = parse(CHANGES);
        assert_eq!(all.len(), 2);
        assert!(!all[0].is_under_way() && all[1].is_under_way());
        assert_eq!(all[1].summary, "Install \"microk8s\" snap from \"1.32/stable\" channel");
        assert_eq!(all[1].id, "2");
        assert!(parse("").is_empty() && parse("no changes found\n").is_empty());
    }
}
