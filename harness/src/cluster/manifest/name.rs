//! Names as the Kubernetes API checks them.

/// What a name must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A DNS label: namespaces, containers.
    Label,
    /// A DNS label that starts with a letter: services.
    Service,
    /// A DNS name of labels: most objects.
    Subdomain,
    /// A port's name.
    Port,
}

impl NameKind {
    /// Why `name` is none of this kind; none when it is one.
    #[must_use]
    pub fn problem(self, name: &str) -> Option<&'static str> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let label = |text: &str, limit: usize| {
            !text.is_empty()
                && text.len() <= limit
                && text.chars().all(|c| plain(c) || c == '-')
                && text.starts_with(plain)
                && text.ends_with(plain)
        };
        let (good, problem) = match self {
            Self::Label => (
                label(name, 63),
                "must be at most 63 lower-case letters, digits and `-`, and start and end with a letter or digit",
            ),
            Self::Service => (
                label(name, 63) && name.starts_with(|c: char| c.is_ascii_lowercase()),
                "must be at most 63 lower-case letters, digits and `-`, start with a letter and not end with `-`",
            ),
            Self::Subdomain => (
                name.len() <= 253 && name.split('.').all(|part| label(part, 253)),
                "must be lower-case letters, digits, `-` and `.`, and each part must start and end with a letter or digit",
            ),
            Self::Port => (
                label(name, 15) && name.contains(|c: char| c.is_ascii_lowercase()) && !name.contains("--"),
                "must be at most 15 lower-case letters, digits and single `-`, with at least one letter",
            ),
        };
        (!good).then_some(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::NameKind;

    #[test]
    fn names_are_judged_as_the_api_does() {
        for (kind, name, good) in [
            (NameKind::Label, "zeus", true),
            (NameKind::Label, "9zeus", true),
            (NameKind::Label, "Zeus", false),
            (NameKind::Label, "zeus.example", false),
            (NameKind::Service, "9zeus", false),
            (NameKind::Service, "zeus-", false),
            (NameKind::Subdomain, "a.b-c.d", true),
            (NameKind::Subdomain, "a..b", false),
            (NameKind::Port, "http", true),
            (NameKind::Port, "8080", false),
            (NameKind::Port, "a--b", false),
            (NameKind::Port, "sixteen-letters-", false),
        ] {
            assert_eq!(kind.problem(name).is_none(), good, "{kind:?} {name}");
        }
    }
}
