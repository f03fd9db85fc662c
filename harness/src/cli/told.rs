//! A problem without the causes that its own text tells already.

use std::{error::Error, fmt};

use miette::{Diagnostic, LabeledSpan, Severity, SourceCode};

/// A problem for the person at the terminal: each cause is told once.
#[derive(Debug)]
pub(super) struct Told<'a> {
    problem: &'a dyn Diagnostic,
    cause: Option<Cause>,
}

/// What is behind a problem, or behind another cause.
#[derive(Debug)]
struct Cause {
    text: String,
    behind: Option<Box<Self>>,
}

impl<'a> Told<'a> {
    pub(super) fn new(problem: &'a dyn Diagnostic) -> Self {
        let (mut told, mut texts) = (problem.to_string(), Vec::new());
        let mut cause = problem.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !told.contains(&text) {
                told.push_str(&text);
                texts.push(text);
            }
            cause = inner.source();
        }
        let behind = |behind: Option<Cause>, text| Some(Cause { text, behind: behind.map(Box::new) });
        Self { problem, cause: texts.into_iter().rev().fold(None, behind) }
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.problem, f)
    }
}

impl Error for Told<'_> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl Diagnostic for Told<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.code()
    }

    fn severity(&self) -> Option<Severity> {
        self.problem.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.help()
    }

    fn url<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.url()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.problem.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.problem.labels()
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        self.problem.related()
    }

    fn diagnostic_source(&self) -> Option<&dyn Diagnostic> {
        self.problem.diagnostic_source()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.behind.as_deref().map(|behind| behind as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error, io};

    use miette::Diagnostic;

    use super::Told;

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("failed to read: {0}")]
    struct Quoting(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("the disk is gone")]
    struct Inner(#[source] io::Error);

    #[test]
    fn a_cause_that_the_text_quotes_is_not_told_again() {
        let problem = Quoting(Inner(io::Error::other("no cable")));
        let told = Told::new(&problem);
        assert_eq!(told.to_string(), "failed to read: the disk is gone");
        let cause = told.source().expect("one more");
        assert_eq!(cause.to_string(), "no cable");
        assert!(cause.source().is_none());
    }
}
