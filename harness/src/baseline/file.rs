//! The baseline's file: a versioned head, then one case or remedy a line, sorted, so that a change of what is known is
//! a line of a diff.

use std::fmt;

use miette::Diagnostic;

use super::{Baseline, Entry};

/// The format's name and version: the first line of the file.
pub const FORMAT: &str = "pathlab-baseline/1";

const HEAD: &str = "\
# What a run is known to show, one case or remedy a line: ID, two spaces, verdict and outcome, two spaces, by what.
# `lab baseline update` writes it, `lab run --baseline` says what is not so any more.
";

/// A file that is no baseline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum BaselineError {
    /// It starts otherwise, or has another version.
    #[error("{name}:1: no baseline: its first line is not `# {FORMAT}`")]
    #[diagnostic(help("`lab baseline update {name} --from REPORT_DIR` writes one"))]
    Format {
        /// The file.
        name: String,
    },
    /// A line that says nothing.
    #[error("{name}:{line}: `{text}` is no line of a baseline")]
    #[diagnostic(help("expected `ID  VERDICT OUTCOME` or `SCENARIO::DISTRO::REMEDY  remedy VERDICT`"))]
    Line {
        /// The file.
        name: String,
        /// Its number, counted from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// Two lines about one case.
    #[error("{name}:{line}: `{id}` stands in this file twice")]
    Twice {
        /// The file.
        name: String,
        /// Number of the second line, counted from 1.
        line: usize,
        /// Case or remedy.
        id: String,
    },
}

impl Baseline {
    /// Reads a file's text; `name` is for messages.
    pub fn parse(text: &str, name: &str) -> Result<Self, BaselineError> {
        let mut lines = (1..).zip(text.lines());
        if lines.next().and_then(|(_, first)| first.strip_prefix("# ")) != Some(FORMAT) {
            return Err(BaselineError::Format { name: name.to_owned() });
        }
        let mut baseline = Self::default();
        for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty() && !text.starts_with('#')) {
            let parsed = text.trim_end().split_once("  ").and_then(|(id, rest)| Some((id, Entry::parse(rest)?)));
            let wrong = || BaselineError::Line { name: name.to_owned(), line, text: shortened(text) };
            let (id, entry) = parsed.filter(|(id, _)| !id.contains(char::is_whitespace)).ok_or_else(wrong)?;
            if baseline.entries.insert(id.to_owned(), entry).is_some() {
                return Err(BaselineError::Twice { name: name.to_owned(), line, id: id.to_owned() });
            }
        }
        Ok(baseline)
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The file's text.
impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "# {FORMAT}\n{HEAD}")?;
        self.entries.iter().try_for_each(|(id, entry)| writeln!(f, "{id}  {entry}"))
    }
}
