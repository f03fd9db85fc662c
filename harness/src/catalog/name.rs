//! What names may look like.

use miette::SourceSpan;

use super::{at::At, problem::CatalogError, source::Source};

/// Checks that a value is in kebab-case: lower-case letters, digits and single hyphens, a letter first.
pub(super) fn check_kebab(source: &Source, what: &str, name: &At<String>) -> Result<(), CatalogError> {
    if is_kebab(name) {
        return Ok(());
    }
    let message = format!("`{}` is no {what}, expected kebab-case: lower-case letters, digits, single hyphens", **name);
    let help = kebab(name);
    let error = source.error(name.span, message).label("not kebab-case");
    Err(if is_kebab(&help) { error.advice(format!("`{help}` would do")) } else { error })
}

/// Checks that a name is none of those that the command line and case ids use.
pub(super) fn check_free(source: &Source, what: &str, name: &At<String>) -> Result<(), CatalogError> {
    const TAKEN: [&str; 3] = ["all", "none", "as-installed"];
    if TAKEN.contains(&name.as_str()) {
        let message = format!("`{}` cannot be a {what}: the word has a meaning of its own", **name);
        return Err(source.error(name.span, message).label("taken"));
    }
    Ok(())
}

/// Checks that a line of text for people is there and is one line.
pub(super) fn check_line(source: &Source, what: &str, text: &At<String>) -> Result<(), CatalogError> {
    if text.trim().is_empty() {
        return Err(source.error(text.span, format!("the {what} is empty")));
    }
    if text.trim().contains('\n') {
        return Err(source.error(text.span, format!("the {what} has several lines, expected one")));
    }
    Ok(())
}

/// Checks the name of an upstream report: `owner/repository#number` or a URL.
pub(super) fn check_report(source: &Source, name: &str, span: SourceSpan) -> Result<(), CatalogError> {
    let number_of = |name: &str| {
        let (repository, number) = name.split_once('#')?;
        let (owner, project) = repository.split_once('/')?;
        let word =
            |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        (word(owner) && word(project) && !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())).then_some(())
    };
    let url = name.starts_with("https://") || name.starts_with("http://");
    if url || number_of(name).is_some() {
        return Ok(());
    }
    let message = format!("`{name}` names no report, expected OWNER/REPOSITORY#NUMBER or a URL");
    let error = source.error(span, message).label("no report");
    Err(error.advice("for instance canonical/microk8s#4903; quote it if a `#` follows a space"))
}

/// Whether a name is in kebab-case.
#[must_use]
pub fn is_kebab(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .split('-')
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

fn kebab(name: &str) -> String {
    let lower = name.to_lowercase();
    lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::{is_kebab, kebab};

    #[test]
    fn kebab_case() {
        for name in ["a", "pod-ip-502", "x2"] {
            assert!(is_kebab(name), "{name}");
        }
        for name in ["", "-a", "a-", "a--b", "A", "a_b", "5a", "a b", "ä", "a.b"] {
            assert!(!is_kebab(name), "{name}");
        }
        assert_eq!(kebab("Pod IP_502"), "pod-ip-502");
    }
}
