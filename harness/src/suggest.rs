//! "Did you mean": the known name that is closest to one that is not known.

use std::fmt::Write;

/// The candidate that `name` was probably meant to be, if any is close enough.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let limit = name.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&name, &candidate.to_lowercase()), candidate))
        .filter(|((rank, _), _)| *rank <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Help for an unknown name: the closest one, and all that there are.
pub fn help<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let mut text = String::new();
    if let Some(closest) = closest(name, candidates.iter().copied()) {
        let _ = write!(text, "did you mean `{closest}`? ");
    }
    if candidates.is_empty() {
        text.push_str("there are none");
    } else {
        let _ = write!(text, "there {} {}", if candidates.len() == 1 { "is" } else { "are" }, list(&candidates));
    }
    text
}

/// `a, b and c`.
#[must_use]
pub fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}

/// How far two names are from each other, and the edits between them: a name that continues the other
/// one is near, however many edits that takes.
fn distance(name: &str, candidate: &str) -> (usize, usize) {
    let continues = name.len() >= 3 && (candidate.starts_with(name) || name.starts_with(candidate));
    let edits = strsim::damerau_levenshtein(name, candidate);
    (if continues { edits.min(1) } else { edits }, edits)
}

#[cfg(test)]
mod tests {
    use super::{closest, help, list};

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let names = ["rhel", "rhel-9.5", "ubuntu", "ubuntu-22.04", "debian"];
        assert_eq!(closest("rhle", names), Some("rhel"));
        assert_eq!(closest("Ubuntu", names), Some("ubuntu"));
        assert_eq!(closest("ubuntu22.04", names), Some("ubuntu-22.04"));
        assert_eq!(closest("rhel-9.4", names), Some("rhel-9.5"));
        assert_eq!(closest("deb", names), Some("debian"));
    }

    #[test]
    fn something_else_is_not() {
        assert_eq!(closest("gentoo", ["rhel", "debian"]), None);
        assert_eq!(closest("x", ["rhel", "debian"]), None);
        assert_eq!(closest("", ["rhel"]), None);
    }

    #[test]
    fn help_reads_well() {
        assert_eq!(help("pdo", ["pod", "node"]), "did you mean `pod`? there are pod and node");
        assert_eq!(help("mars", ["pod"]), "there is pod");
        assert_eq!(help("mars", []), "there are none");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
