//! What `snap list` says. Pure.

/// An installed snap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledSnap {
    /// Its name.
    pub name: String,
    /// The publisher's version: `v1.32.3`.
    pub version: String,
    /// The store's revision (`7964`), or `x1` and so on for one that came from a file without assertion.
    pub revision: String,
    /// The channel it follows; none for one that came from a file.
    pub tracking: Option<String>,
    /// Words of the last column: `classic`, `base`, `held`, `disabled`, …
    pub notes: Vec<String>,
}

/// Reads the table. The error says what is wrong with the text.
pub fn parse(text: &str) -> Result<Vec<InstalledSnap>, String> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let Some(header) = lines.next() else { return Ok(Vec::new()) };
    let titles: Vec<&str> = header.split_whitespace().collect();
    if titles.len() < 6 || titles[..4] != ["Name", "Version", "Rev", "Tracking"] {
        return Err(format!("expected the titles of `snap list`, not `{header}`"));
    }
    lines.map(row).collect()
}

fn row(line: &str) -> Result<InstalledSnap, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, version, revision, tracking, _publisher, notes] = words[..] else {
        return Err(format!("expected six columns: `{line}`"));
    };
    let notes = if notes == "-" { Vec::new() } else { notes.split(',').map(str::to_owned).collect() };
    Ok(InstalledSnap {
        name: name.to_owned(),
        version: version.to_owned(),
        revision: revision.to_owned(),
        tracking: (tracking != "-").then(|| tracking.to_owned()),
        notes,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// The columns are those of snapd's `cmd/snap/cmd_list.go`; the rows are of the shape that reports on
    /// canonical/microk8s quote.
    const LIST: &str = "Name      Version        Rev    Tracking       Publisher   Notes
core20    20250407       2571   latest/stable  canonical✓  base
microk8s  v1.32.3        7964   1.32/stable    canonical✓  classic,held
snapd     2.68.4         24505  latest/stable  canonical✓  snapd
";

    #[test]
    fn rows_are_read_by_column() {
        let all = parse(LIST).expect("a list");
        let shown: Vec<String> = all
            .iter()
            .map(|snap| {
                format!("{} {} {} {:?} {}", snap.name, snap.version, snap.revision, snap.tracking, snap.notes.join("+"))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "core20 20250407 2571 Some(\"latest/stable\") base",
                "microk8s v1.32.3 7964 Some(\"1.32/stable\") classic+held",
                "snapd 2.68.4 24505 Some(\"latest/stable\") snapd",
            ]
        );
        // A file without assertion: no channel, no publisher, a revision of its own.
        let local = "Name      Version  Rev  Tracking  Publisher  Notes\nmicrok8s  v1.32.3  x1   -         -          classic\n";
        let local = parse(local).expect("a list");
        assert_eq!((local[0].revision.as_str(), &local[0].tracking), ("x1", &None));
    }

    #[test]
    fn what_is_no_table_is_an_error() {
        assert_eq!(parse(""), Ok(Vec::new()));
        for text in ["garbage\n", "Name Version\n", &LIST[..LIST.len() - 20]] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
