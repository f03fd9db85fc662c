//! What is wrong with an argument or a file of the catalogue, for the person who wrote it.

use std::{error::Error, fmt, sync::Arc};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

/// What is wrong, where, what was expected, and what to do about it.
///
/// Its text form is one line that starts with `FILE:LINE:COLUMN` where there is a file.
#[derive(Clone, Debug)]
pub struct CatalogError(Box<Detail>);

#[derive(Clone, Debug)]
struct Detail {
    place: Option<Place>,
    message: String,
    label: Option<String>,
    help: Option<String>,
}

/// A place in a file.
#[derive(Clone, Debug)]
struct Place {
    /// `FILE:LINE:COLUMN`.
    name: String,
    /// The file's text and the place in it; none when the text is of no use (not UTF-8, too large).
    excerpt: Option<(NamedSource<Arc<str>>, SourceSpan)>,
}

impl CatalogError {
    /// A problem that is in no file: a name on the command line, for instance.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Detail { place: None, message: printable(message.into()), label: None, help: None }))
    }

    /// A problem of a file as a whole, or of a place whose text cannot be shown.
    #[must_use]
    pub fn in_file(file: &str, line: usize, column: usize, message: impl Into<String>) -> Self {
        let mut error = Self::new(message);
        error.0.place = Some(Place { name: format!("{file}:{line}:{column}"), excerpt: None });
        error
    }

    /// A problem at a place in a text.
    #[must_use]
    pub fn at(file: &str, text: &Arc<str>, span: SourceSpan, message: impl Into<String>) -> Self {
        let (line, column) = line_and_column(text, span.offset());
        let mut error = Self::in_file(file, line, column, message);
        if let Some(place) = &mut error.0.place
            && can_be_shown(text, span)
        {
            place.excerpt = Some((NamedSource::new(file, drawable(text)).with_language("yaml"), span));
        }
        error
    }

    /// The same with this word beside the marked place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.0.label = Some(label.into());
        self
    }

    /// The same with this advice.
    #[must_use]
    pub fn advice(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{}: ", place.name)?;
        }
        f.write_str(&self.0.message)
    }
}

impl Error for CatalogError {}

impl Diagnostic for CatalogError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let (source, _) = self.0.place.as_ref()?.excerpt.as_ref()?;
        Some(source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, span) = self.0.place.as_ref()?.excerpt.as_ref()?;
        let label = self.0.label.clone().unwrap_or_else(|| "here".to_owned());
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(Some(label), *span))))
    }
}

/// Whether the lines around a place can be drawn: a line of a megabyte helps nobody.
fn can_be_shown(text: &str, span: SourceSpan) -> bool {
    const LONGEST: usize = 1_000;
    let (line, _) = line_and_column(text, span.offset());
    let (last, _) = line_and_column(text, span.offset() + span.len());
    text.lines().skip(line.saturating_sub(2)).take(last - line + 3).all(|line| line.len() <= LONGEST)
}

/// The text with every control character replaced by as many bytes that a terminal does not obey.
fn drawable(text: &Arc<str>) -> Arc<str> {
    let obeyed = |c: char| c.is_control() && c != '\n' && c != '\t' && c != '\r';
    if !text.contains(obeyed) {
        return Arc::clone(text);
    }
    let mut drawable = String::with_capacity(text.len());
    for c in text.chars() {
        if obeyed(c) { (0..c.len_utf8()).for_each(|_| drawable.push('?')) } else { drawable.push(c) }
    }
    drawable.into()
}

/// Names in messages come from files of others: nothing in them may steer a terminal.
fn printable(text: String) -> String {
    if text.chars().any(char::is_control) {
        text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
    } else {
        text
    }
}

/// Line and column, counted from 1, of a byte offset; columns are characters.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let end = (0..=offset.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::line_and_column;

    #[test]
    fn lines_and_columns_count_from_one() {
        assert_eq!(line_and_column("", 0), (1, 1));
        assert_eq!(line_and_column("ab\ncd", 4), (2, 2));
        assert_eq!(line_and_column("ä: ö", 4), (1, 4));
        assert_eq!(line_and_column("ab", 99), (1, 3));
    }
}
